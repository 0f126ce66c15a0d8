//! Screens compared with files that were read and found right (`UPDATE_GOLDEN=1` writes them anew; read the difference), and what keys do.

use super::fixture::{Hands, picture, with_samples};
use super::model::{Event, Link, Wish};
use super::picture::Picture;
use crate::text::width::width;
use hotpoll_profile::{Party, Waiter};
use ratatui::crossterm::event::{KeyCode, KeyModifiers};
use ratatui::style::{Color, Modifier};
use std::path::PathBuf;
use std::sync::Arc;

/// Checks a screen against `golden/NAME.txt`.
#[track_caller]
fn check(name: &str, hands: &mut Hands) {
    let actual = hands.look();
    let columns = hands.model.size.0;
    for line in actual.lines() {
        assert!(width(line) <= columns, "{line}");
    }
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("src/top/golden")
        .join(format!("{name}.txt"));
    if std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1") {
        std::fs::write(&path, actual).unwrap();
        return;
    }
    let expected = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; UPDATE_GOLDEN=1 writes it", path.display()));
    assert!(
        expected == actual,
        "{name} differs; UPDATE_GOLDEN=1 and read the diff\n--- expected\n{expected}\n--- actual\n{actual}"
    );
}

#[test]
fn threads_at_three_sizes() {
    for (columns, lines) in [(80, 24), (60, 15), (200, 50)] {
        check(
            &format!("threads-{columns}"),
            &mut Hands::before(columns, lines),
        );
    }
}

#[test]
fn tasks_at_three_sizes() {
    for (columns, lines) in [(80, 24), (60, 15), (200, 50)] {
        let mut hands = Hands::before(columns, lines);
        check(&format!("kinds-{columns}"), hands.types("2"));
        check(&format!("tasks-{columns}"), hands.presses(KeyCode::Enter));
    }
}

#[test]
fn locks_and_problems_at_three_sizes() {
    for (columns, lines) in [(80, 24), (60, 15), (200, 50)] {
        check(
            &format!("locks-{columns}"),
            Hands::before(columns, lines).types("3"),
        );
        check(
            &format!("stuck-{columns}"),
            Hands::before(columns, lines).types("4"),
        );
    }
}

#[test]
fn flame_at_three_sizes() {
    for (columns, lines) in [(80, 24), (60, 15), (200, 50)] {
        check(
            &format!("flame-{columns}"),
            Hands::before(columns, lines).types("5"),
        );
    }
}

#[test]
fn details() {
    check("thread", Hands::before(80, 30).presses(KeyCode::Enter));
    let mut hands = Hands::before(80, 24);
    check(
        "task",
        hands
            .types("2")
            .presses(KeyCode::Enter)
            .presses(KeyCode::Enter),
    );
    check("places", hands.presses(KeyCode::Esc).types("p"));
    check("flame-of-kind", Hands::before(80, 24).types("2jf"));
    check(
        "lock",
        Hands::before(80, 50).types("3").presses(KeyCode::Enter),
    );
    check(
        "problem",
        Hands::before(80, 40).types("4").presses(KeyCode::Enter),
    );
    check("flame-of-holders", Hands::before(80, 24).types("3f"));
    check("sampling", Hands::before(80, 24).types("i"));
    check("flame-all-frames", Hands::before(80, 24).types("5o"));
    check("flame-of-waiting", Hands::before(80, 24).types("5w"));
}

#[test]
fn help_fits_and_scrolls() {
    check("help", Hands::before(80, 24).types("?"));
    let mut hands = Hands::before(60, 15);
    let first = hands.types("?").look();
    for _ in 0..5 {
        hands.presses(KeyCode::PageDown);
    }
    let last = hands.look();
    assert!(
        first.contains("Keys") && !first.contains("flame graph  "),
        "{first}"
    );
    assert!(
        last.contains("callers above") && !last.contains("Keys\n"),
        "{last}"
    );
    assert!(hands.presses(KeyCode::Esc).look().contains("1 Threads"));
}

#[test]
fn before_the_first_answer() {
    let mut hands = Hands::before_nothing(80, 24);
    assert!(hands.look().contains("Asking process 4242 (shop)."));
    // No key falls over that there is nothing.
    for key in "12345jkgGsr/fpwa ? ?".chars() {
        hands.presses(KeyCode::Char(key));
    }
    hands.presses(KeyCode::Enter).presses(KeyCode::Esc);
    let over = "shop 4242 has ended".to_owned();
    hands.model.update(Event::Link(Link::Over(over)));
    assert!(hands.look().contains("shop 4242 has ended"));
}

#[test]
fn any_size_is_drawn() {
    for columns in (1..=60).step_by(3) {
        for lines in 1..=16 {
            let mut hands = Hands::before(columns, lines);
            for key in ["2", "p", "3", "4", "5", "1", "?"] {
                hands.types(key);
            }
        }
    }
}

#[test]
fn leaving() {
    let mut hands = Hands::before(80, 24);
    let ctrl = KeyModifiers::CONTROL;
    assert_eq!(
        hands.wish(KeyCode::Char('q'), KeyModifiers::NONE),
        Wish::Quit
    );
    assert_eq!(hands.wish(KeyCode::Char('c'), ctrl), Wish::Quit);
    assert_eq!(hands.wish(KeyCode::Char('z'), ctrl), Wish::Suspend);
    assert_eq!(hands.wish(KeyCode::Char('l'), ctrl), Wish::Redraw);
    // While a filter is typed q is a letter, and Ctrl-C leaves all the same.
    hands.types("/q");
    assert_eq!(hands.model.filter(), "q");
    assert_eq!(hands.wish(KeyCode::Char('c'), ctrl), Wish::Quit);
}

#[test]
fn sorted_by_each_column_and_back() {
    let mut hands = Hands::before(80, 24);
    assert!(
        hands
            .selected()
            .starts_with("! lock        1.19s   4.0% tokio-rt-worker 4250")
    );
    let order = |hands: &mut Hands| -> Vec<String> {
        let screen = hands.look();
        let rows = screen.lines().skip(5).take(5);
        rows.map(|row| {
            row.chars()
                .skip(27)
                .take(20)
                .collect::<String>()
                .trim()
                .to_owned()
        })
        .collect()
    };
    let worst_first = order(&mut hands);
    // State, time in it, CPU.
    let by_cpu = order(hands.types("sss"));
    assert!(hands.look().contains("CPU▼"));
    assert_eq!(by_cpu[0], "tokio-rt-worker 4251");
    let by_cpu_backwards = order(hands.types("r"));
    assert!(hands.look().contains("CPU▲"));
    assert_eq!(by_cpu_backwards[4], "tokio-rt-worker 4251");
    for _ in 3..7 {
        hands.types("s");
    }
    assert_eq!(order(&mut hands), worst_first);
}

#[test]
fn the_selection_stays_with_its_row() {
    let mut hands = Hands::before(80, 24);
    hands.types("j");
    assert!(hands.selected().contains("tokio-rt-worker 4251"));
    hands.types("sss");
    assert!(hands.selected().contains("tokio-rt-worker 4251"));
    hands.types("r");
    assert!(hands.selected().contains("tokio-rt-worker 4251"));
    // It ends: what stands in its place is selected.
    let mut profile = with_samples();
    profile.snapshot.as_mut().unwrap().threads.remove(2);
    hands
        .model
        .update(Event::Picture(Arc::new(Picture::new(2, profile, None))));
    assert!(!hands.look().contains("4251"));
    hands.selected();
}

#[test]
fn nobody_who_has_not_moved_looks_at_an_old_first_row() {
    let mut hands = Hands::before(80, 24);
    let mut profile = with_samples();
    // The one that was blocked runs on.
    profile.snapshot.as_mut().unwrap().threads[1].poll_ns = 0;
    profile.snapshot.as_mut().unwrap().threads[1].state_ns = 0;
    hands
        .model
        .update(Event::Picture(Arc::new(Picture::new(2, profile, None))));
    assert!(hands.selected().contains("tokio-rt-worker 4251"));
}

#[test]
fn filters_while_typing() {
    let mut hands = Hands::before(80, 24);
    // Half of an expression is taken by the letter.
    hands.types("/db(");
    assert!(hands.look().contains("nothing matches"), "{}", hands.look());
    assert!(hands.look().contains("/db("));
    hands.presses(KeyCode::Backspace).types("::|^SHOP$");
    let screen = hands.presses(KeyCode::Enter).look();
    assert!(
        screen.contains("4250") && screen.contains("shop 4242"),
        "{screen}"
    );
    assert!(!screen.contains("4252"), "{screen}");
    assert!(screen.contains("/db::|^SHOP$ (2)"), "{screen}");
    assert!(hands.presses(KeyCode::Esc).look().contains("4252"));
}

#[test]
fn a_pause_keeps_the_picture_and_says_since_when() {
    let mut hands = Hands::before(80, 24);
    hands.types(" ");
    let mut profile = with_samples();
    profile.snapshot.as_mut().unwrap().threads.remove(1);
    hands
        .model
        .update(Event::Picture(Arc::new(Picture::new(2, profile, None))));
    hands.model.update(Event::Now(1_763_770_100_000_000_000));
    let screen = hands.look();
    assert!(screen.contains("paused since 00:06:50"), "{screen}");
    assert!(screen.contains("4250"), "{screen}");
    // A pause is no silence.
    assert!(!screen.contains("no answer"), "{screen}");
    let screen = hands.types(" ").look();
    assert!(
        !screen.contains("4250") && !screen.contains("paused"),
        "{screen}"
    );
}

#[test]
fn what_the_target_does_is_said() {
    let mut hands = Hands::before(80, 24);
    hands.model.update(Event::Now(1_763_770_013_000_000_000));
    assert!(!hands.look().contains("no answer"));
    hands.model.update(Event::Now(1_763_770_015_000_000_000));
    assert!(
        hands
            .look()
            .contains("no answer for 5.00 s: this is the last picture")
    );
    hands
        .model
        .update(Event::Link(Link::Silent("shop is stopped".to_owned())));
    assert!(hands.look().contains("shop is stopped"));
    hands
        .model
        .update(Event::Link(Link::Over("shop 4242 has ended".to_owned())));
    let screen = hands.look();
    assert!(
        screen.contains("shop 4242 has ended") && screen.contains("4250"),
        "{screen}"
    );
    // Another one of the name.
    hands.model.update(Event::Picture(Arc::new(picture(2))));
    hands.model.update(Event::Now(1_763_770_010_000_000_000));
    assert!(!hands.look().contains("has ended"));
}

#[test]
fn a_flame_graph_is_walked_and_zoomed() {
    let mut hands = Hands::before(80, 24);
    hands.types("5");
    let status = |hands: &mut Hands| hands.look().lines().nth(22).unwrap().to_owned();
    assert!(
        status(&mut hands).starts_with("all CPU time"),
        "{}",
        status(&mut hands)
    );
    hands.types("j");
    assert!(status(&mut hands).starts_with("tokio-rt-worker x3"));
    hands.types("jj");
    assert!(
        status(&mut hands).starts_with("shop::request"),
        "{}",
        status(&mut hands)
    );
    hands.types("j").presses(KeyCode::Right);
    let right = status(&mut hands);
    assert!(right.contains("42% 1.00 s"), "{right}");
    hands.presses(KeyCode::Left).presses(KeyCode::Enter);
    let zoomed = hands.look();
    assert!(
        !zoomed.contains("all CPU time") && zoomed.contains("in "),
        "{zoomed}"
    );
    // The selection and the zoom outlast the next picture.
    hands.model.update(Event::Picture(Arc::new(picture(2))));
    assert_eq!(hands.look(), zoomed);
    hands.presses(KeyCode::Esc);
    assert!(hands.look().contains("all CPU time"));
}

#[test]
fn how_it_is_sampled_is_a_page_of_every_tab() {
    let mut profile = with_samples();
    profile
        .process
        .notices
        .push("another handler was installed over hotpoll's".to_owned());
    let mut hands = Hands::before(80, 24);
    hands
        .model
        .update(Event::Picture(Arc::new(Picture::new(2, profile, None))));
    assert!(hands.look().contains("! 1 notice (i)"));
    for tab in ["1", "2", "3", "4", "5"] {
        let before = hands.types(tab).look();
        let page = hands.types("ii").look();
        assert!(page.contains("! another handler was installed"), "{page}");
        assert_eq!(hands.presses(KeyCode::Esc).look(), before);
    }
}

#[test]
fn names_cannot_move_the_cursor_or_break_the_table() {
    let mut profile = with_samples();
    profile.threads[1].name = "a\x1b[2J\x07\u{202e}b".to_owned();
    profile.threads[2].name = "日本語日本語日本語".to_owned();
    profile.functions[7].name = "shop::db\n::\x1b[31mquery".to_owned();
    profile.process.name = "sh\x1b]0;x\x07op".to_owned();
    profile.snapshot.as_mut().unwrap().tasks.kinds[0].name = "re\rquest\u{200b}".to_owned();
    let mut hands = Hands::before(80, 24);
    hands
        .model
        .update(Event::Picture(Arc::new(Picture::new(2, profile, None))));
    for keys in ["1", "2", "3", "4", "5", "jjjj", "1"] {
        let screen = hands.types(keys).look();
        for line in screen.lines() {
            assert!(!line.chars().any(char::is_control), "{line:?}");
            assert!(!line.contains(['\u{202e}', '\u{200b}']), "{line:?}");
            assert!(width(line) <= 80, "{line}");
        }
    }
    for key in [KeyCode::Enter, KeyCode::Esc] {
        let screen = hands.presses(key).look();
        assert!(!screen.contains(['\x1b', '\u{202e}', '\x07']), "{screen:?}");
    }
    let screen = hands.look();
    // Wide characters take two columns: what comes after them stands where it does in other rows.
    let place = |line: &str, what: &str| line.find(what).map(|at| width(&line[..at]));
    let lines: Vec<&str> = screen.lines().collect();
    let wide = lines.iter().find(|line| line.contains('日')).unwrap();
    assert_eq!(place(wide, "日"), place(lines[4], "thread"), "{screen}");
}

#[test]
fn no_color_leaves_weight_and_reverse() {
    let mut hands = Hands::before(80, 24);
    hands.types("5");
    let count = |colored: bool, hands: &mut Hands| {
        let buffer = hands.cells(colored);
        let colored = (buffer.content.iter())
            .filter(|cell| (cell.fg, cell.bg) != (Color::Reset, Color::Reset))
            .count();
        let reversed = (buffer.content.iter())
            .filter(|cell| cell.modifier.contains(Modifier::REVERSED))
            .count();
        (colored > 0, reversed > 0)
    };
    assert_eq!(count(true, &mut hands), (true, true));
    assert_eq!(count(false, &mut hands), (false, true));
}

/// It was "held, not known since when": nobody holds a channel.
#[test]
fn who_receives_from_a_full_channel_holds_nothing() {
    let mut profile = with_samples();
    let snapshot = profile.snapshot.as_mut().unwrap();
    // Nothing else is wrong.
    (snapshot.resources.resources.iter_mut()).for_each(|one| one.waiters.clear());
    let mut resources = snapshot.resources.resources.iter_mut();
    let orders = resources.find(|one| one.channel.is_some()).unwrap();
    let party = |task| Party {
        task,
        kind: 1,
        ..Party::default()
    };
    orders.channel.as_mut().unwrap().receiver = Some(party(9));
    orders.waiters.push(Waiter {
        party: party(4),
        since_ns: 5_000_000_000,
        confirmed: true,
        ..Waiter::default()
    });
    let mut hands = Hands::before(80, 24);
    let picture = Picture::new(2, profile, None);
    hands.model.update(Event::Picture(Arc::new(picture)));
    hands.types("4/full").presses(KeyCode::Enter);
    let page = hands.presses(KeyCode::Enter).look();
    let page: Vec<&str> = page.split_whitespace().collect();
    let page = page.join(" ");
    assert!(
        page.contains("Who can end it task #9 (request) it is"),
        "{page}"
    );
}

/// Not a measure of time: what is not visible is not written.
#[test]
fn of_many_rows_only_the_visible_ones_are_written() {
    let mut profile = with_samples();
    let tasks = &mut profile.snapshot.as_mut().unwrap().tasks.tasks;
    let one = tasks[5].clone();
    for id in 10_000..30_000 {
        tasks.push(hotpoll_profile::Task { id, ..one.clone() });
    }
    let mut hands = Hands::before(80, 24);
    hands
        .model
        .update(Event::Picture(Arc::new(Picture::new(2, profile, None))));
    hands
        .types("2")
        .presses(KeyCode::Enter)
        .presses(KeyCode::End);
    let screen = hands.look();
    assert!(screen.contains("21,002/21,002"), "{screen}");
    hands.presses(KeyCode::PageUp);
    assert!(hands.look().contains("20,986/21,002"), "{}", hands.look());
}

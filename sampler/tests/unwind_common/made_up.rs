//! Made-up functions with unwind entries, and stacks whose words often point into them: from bytes, so that a fuzzer can turn every knob.

use hotpoll_sampler::unwind::Registers;

pub const EH_FRAME: u64 = 0x60_0000;
pub const TEXT: u64 = 0x40_0000;
pub const STACK: u64 = 0x7ff0_0000_0000;
const STACK_WORDS: usize = 96;
const MAX_FUNCTIONS: u8 = 12;
const MAX_ROWS: u8 = 6;

/// Bytes, read one at a time; zeros after the last.
pub struct Input<'d> {
    rest: &'d [u8],
}

/// A module's section, and how long its code is.
pub struct MadeUp {
    pub eh_frame: Vec<u8>,
    pub text_length: u64,
    /// Some bytes were overwritten after they had been valid.
    pub mutated: bool,
}

impl<'d> Input<'d> {
    pub fn new(rest: &'d [u8]) -> Self {
        Self { rest }
    }

    fn byte(&mut self) -> u8 {
        match self.rest.split_first() {
            Some((&byte, rest)) => {
                self.rest = rest;
                byte
            }
            None => 0,
        }
    }

    fn up_to(&mut self, limit: u8) -> u8 {
        self.byte() % limit.max(1)
    }

    /// Functions, one behind the other, sometimes with a gap.
    pub fn module(&mut self) -> MadeUp {
        let mut eh_frame = Vec::new();
        // CIE: version 1, "zR", code 1, data -8, return address 16, pcrel sdata4; CFA = rsp + 8, return address at CFA - 8.
        push_entry(
            &mut eh_frame,
            0,
            &[1, b'z', b'R', 0, 1, 0x78, 16, 1, 0x1b, 0x0c, 7, 8, 0x90, 1],
        );
        let mut start = TEXT;
        for _ in 0..=self.up_to(MAX_FUNCTIONS) {
            start += if self.byte() < 40 { 16 } else { 0 };
            let length = 16 + self.byte() as u64;
            let instructions = self.instructions();
            let mut body = Vec::new();
            // The start is relative to its own place, behind this entry's length and CIE pointer.
            let place = EH_FRAME + eh_frame.len() as u64 + 8;
            body.extend((start.wrapping_sub(place) as i32).to_le_bytes());
            body.extend((length as u32).to_le_bytes());
            body.push(0);
            body.extend(instructions);
            let pointer = eh_frame.len() as u32 + 4;
            push_entry(&mut eh_frame, pointer, &body);
            start += length;
        }
        eh_frame.extend([0; 4]);
        let mutations = if self.byte() < 200 { 0 } else { self.up_to(8) };
        for _ in 0..mutations {
            let at = u16::from_le_bytes([self.byte(), self.byte()]) as usize % eh_frame.len();
            eh_frame[at] = self.byte();
        }
        MadeUp {
            eh_frame,
            text_length: start - TEXT,
            mutated: mutations > 0,
        }
    }

    /// What a function's entry says: what compilers write, in any order.
    fn instructions(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut remembered = 0;
        for _ in 0..=self.up_to(MAX_ROWS) {
            match self.up_to(11) {
                0 => out.extend([0x0e, 8 * (1 + self.up_to(14))]), // def_cfa_offset
                1 => out.extend([0x86, 2 + self.up_to(5)]),        // rbp at CFA - 8 * n
                2 => out.extend([0x0c, 6, 16]),                    // CFA = rbp + 16
                3 => out.extend([0x0c, 7, 8 * (1 + self.up_to(14))]), // CFA = rsp + n
                4 => out.push(0xc6),                               // rbp as at the start
                // gimli holds four states; the tables hold more.
                5 if remembered < 2 => {
                    out.push(0x0a);
                    remembered += 1;
                }
                6 if remembered > 0 => {
                    out.push(0x0b);
                    remembered -= 1;
                }
                7 => out.extend([0x83, 3]), // rbx, of which nobody asks
                8 if self.byte() < 20 => out.extend([0x07, 16]), // no return address: the thread's start
                9 => out.extend([0x0f, 3, 0x76, 0x78, 0x06]),    // CFA = [rbp - 8]
                10 => out.extend([0x10, 6, 2, 0x76, 0]),         // rbp at [rbp + 0]
                _ => {}
            }
            out.push(0x40 | (1 + self.up_to(30))); // advance_loc
        }
        out
    }

    /// Where a thread is in those functions, and its stack.
    pub fn thread(&mut self, text_length: u64) -> (Registers, Vec<u64>) {
        let pc = TEXT + self.offset(text_length);
        let sp = STACK + 8 * self.up_to(8) as u64;
        let bp = if self.byte() < 12 {
            None
        } else {
            Some(self.word(text_length))
        };
        let stack = (0..STACK_WORDS).map(|_| self.word(text_length)).collect();
        (Registers { pc, sp, bp }, stack)
    }

    fn offset(&mut self, text_length: u64) -> u64 {
        u16::from_le_bytes([self.byte(), self.byte()]) as u64 % (text_length + 8)
    }

    /// Often a return address or an address of the stack.
    fn word(&mut self, text_length: u64) -> u64 {
        match self.up_to(8) {
            0..=3 => TEXT + self.offset(text_length),
            4 | 5 => STACK + 8 * self.up_to(STACK_WORDS as u8 + 2) as u64,
            6 => self.byte() as u64,
            _ => u64::from_le_bytes([(); 8].map(|()| self.byte())),
        }
    }
}

/// An entry: its length, the CIE's distance (0 for a CIE itself), its body, filled up with no-operations.
fn push_entry(eh_frame: &mut Vec<u8>, cie_pointer: u32, body: &[u8]) {
    let length = (4 + body.len()).next_multiple_of(4);
    eh_frame.extend((length as u32).to_le_bytes());
    eh_frame.extend(cie_pointer.to_le_bytes());
    eh_frame.extend(body);
    eh_frame.resize(eh_frame.len() + length - 4 - body.len(), 0);
}

//! A forked child that is stepped by ptrace. It has this process's modules at this process's addresses.

use std::ptr;

use hotpoll_sampler::unwind::{RED_ZONE, Registers, SavedRegisters, StackReader};

use crate::unwind_common::gimli_walk::AllRegisters;
use libc::{c_int, pid_t};

/// What a step led to.
pub enum Stop {
    Stepped {
        /// Not an instruction: the kernel entered a signal handler.
        signalled: bool,
    },
    Ended,
}

/// The stopped child, its registers, and a copy of its stack.
pub struct Tracee {
    pid: pid_t,
    registers: libc::user_regs_struct,
    main: Copy,
    alternate: Copy,
}

/// A stack, copied from the stack pointer up.
struct Copy {
    range: std::ops::Range<u64>,
    start: u64,
    words: Vec<u64>,
}

impl Tracee {
    /// Forks. The child stops before it calls `run`, and exits after it.
    pub fn start(run: fn()) -> Self {
        let main = stack_around(&raw const run as u64);
        let alternate = crate::unwind_common::workload::alternate_stack();
        // SAFETY: this process has one thread, so the child may do anything.
        let pid = unsafe { libc::fork() };
        assert!(pid >= 0, "fork");
        if pid == 0 {
            // SAFETY: asks to be traced by the parent, which waits for the stop.
            unsafe {
                libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0);
                libc::raise(libc::SIGSTOP);
            }
            std::panic::set_hook(Box::new(|_| {}));
            run();
            // SAFETY: leaves without running the parent's exit handlers.
            unsafe { libc::_exit(0) };
        }
        let copy = |range| Copy {
            range,
            start: 0,
            words: Vec::new(),
        };
        // SAFETY: plain integers.
        let registers = unsafe { std::mem::zeroed() };
        let mut tracee = Self {
            pid,
            registers,
            main: copy(main),
            alternate: copy(alternate),
        };
        assert_eq!(tracee.wait(), Some(libc::SIGSTOP));
        tracee.look();
        tracee
    }

    /// Steps to the first time that this address is executed.
    pub fn run_to(&mut self, address: u64) {
        // SAFETY: a breakpoint: one byte of the stopped child's code is replaced, and put back when it is reached.
        unsafe {
            let word = libc::ptrace(libc::PTRACE_PEEKTEXT, self.pid, address, 0);
            libc::ptrace(
                libc::PTRACE_POKETEXT,
                self.pid,
                address,
                word & !0xff | 0xcc,
            );
            libc::ptrace(libc::PTRACE_CONT, self.pid, 0, 0);
            assert_eq!(self.wait(), Some(libc::SIGTRAP));
            libc::ptrace(libc::PTRACE_POKETEXT, self.pid, address, word);
            libc::ptrace(libc::PTRACE_GETREGS, self.pid, 0, &raw mut self.registers);
            self.registers.rip = address;
            libc::ptrace(libc::PTRACE_SETREGS, self.pid, 0, &raw const self.registers);
        }
        self.look();
    }

    /// Executes one instruction.
    pub fn step(&mut self) -> Stop {
        let mut signal = 0;
        let mut signalled = false;
        loop {
            // SAFETY: the child is stopped.
            unsafe { libc::ptrace(libc::PTRACE_SINGLESTEP, self.pid, 0, signal) };
            match self.wait() {
                None => return Stop::Ended,
                Some(libc::SIGTRAP) => break,
                // Deliver it, and see the handler's first instruction.
                Some(other) => (signal, signalled) = (other, true),
            }
        }
        self.look();
        Stop::Stepped { signalled }
    }

    /// Ends the child.
    pub fn finish(self) {
        // SAFETY: our own child.
        unsafe {
            libc::kill(self.pid, libc::SIGKILL);
            libc::waitpid(self.pid, ptr::null_mut(), 0);
        }
    }

    /// The signal that stopped it; nothing when it has ended.
    fn wait(&self) -> Option<c_int> {
        let mut status = 0;
        // SAFETY: our own child.
        unsafe { libc::waitpid(self.pid, &mut status, 0) };
        libc::WIFSTOPPED(status).then(|| libc::WSTOPSIG(status))
    }

    fn look(&mut self) {
        // SAFETY: the child is stopped.
        unsafe { libc::ptrace(libc::PTRACE_GETREGS, self.pid, 0, &raw mut self.registers) };
        let sp = (self.registers.rsp & !7) - RED_ZONE;
        if self.alternate.range.contains(&sp) {
            // The main stack is as it was when the signal came.
            self.alternate.take(self.pid, sp);
        } else {
            self.main.take(self.pid, sp);
        }
    }

    pub fn registers(&self) -> Registers {
        Registers {
            pc: self.registers.rip,
            sp: self.registers.rsp,
            bp: Some(self.registers.rbp),
        }
    }

    /// All of them, as a signal handler would find them.
    pub fn saved(&self) -> SavedRegisters {
        let r = &self.registers;
        let in_order = [
            r.r8, r.r9, r.r10, r.r11, r.r12, r.r13, r.r14, r.r15, r.rdi, r.rsi, r.rbp, r.rbx,
            r.rdx, r.rax, r.rcx, r.rsp, r.rip,
        ];
        let mut saved = [0; 23];
        saved
            .iter_mut()
            .zip(in_order)
            .for_each(|(saved, value)| *saved = value as i64);
        saved
    }

    /// All of them by DWARF number.
    pub fn all(&self) -> AllRegisters {
        let r = &self.registers;
        [
            r.rax, r.rdx, r.rcx, r.rbx, r.rsi, r.rdi, r.rbp, r.rsp, r.r8, r.r9, r.r10, r.r11,
            r.r12, r.r13, r.r14, r.r15, r.rip,
        ]
        .map(Some)
    }

    /// A word of its stack.
    pub fn word(&self, address: u64) -> u64 {
        self.read(address)
            .expect("the stack pointer points into the stack")
    }

    /// Its code, which is this process's.
    pub fn code(&self, address: u64) -> [u8; 8] {
        // SAFETY: code of a module that is loaded here at the same address, well before its end.
        unsafe { (address as usize as *const [u8; 8]).read_unaligned() }
    }
}

impl StackReader for Tracee {
    fn read(&self, address: u64) -> Option<u64> {
        (self.main.start, &self.main.words[..])
            .read(address)
            .or_else(|| (self.alternate.start, &self.alternate.words[..]).read(address))
    }
}

impl Copy {
    fn take(&mut self, pid: pid_t, sp: u64) {
        // The kernel maps the main stack's pages when they are first touched, which may be a little later than rsp has moved over them.
        let mut start = sp;
        while self.range.contains(&start) && !self.read_from(pid, start) {
            start = (start + 4096) & !4095;
        }
    }

    fn read_from(&mut self, pid: pid_t, start: u64) -> bool {
        self.start = start;
        self.words.resize((self.range.end - start) as usize / 8, 0);
        let length = self.words.len() * 8;
        let local = libc::iovec {
            iov_base: self.words.as_mut_ptr().cast(),
            iov_len: length,
        };
        let remote = libc::iovec {
            iov_base: ptr::without_provenance_mut(start as usize),
            iov_len: length,
        };
        // SAFETY: writes into `words` only.
        let read = unsafe { libc::process_vm_readv(pid, &local, 1, &remote, 1, 0) };
        read == length as isize
    }
}

/// The mapping around an address, with room for the main stack to grow down.
fn stack_around(address: u64) -> std::ops::Range<u64> {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let range = maps.lines().find_map(|line| {
        let (start, end) = line.split_once(' ')?.0.split_once('-')?;
        let range = u64::from_str_radix(start, 16).ok()?..u64::from_str_radix(end, 16).ok()?;
        range.contains(&address).then_some(range)
    });
    let range = range.expect("a stack is mapped");
    range.end - (8 << 20)..range.end
}

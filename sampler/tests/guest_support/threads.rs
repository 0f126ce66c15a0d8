//! A thread's own signals and stack: expiries at a moment of our choice, threads without an alternate stack, and where a stack ends.

/// A signal as a thread's CPU timer sends it, to be sent by the thread itself: so the whole handler runs at a moment of our choice.
pub struct Expiry {
    info: [u64; 16],
    pub signal: i32,
    pub tid: u32,
}

impl Expiry {
    /// One for a thread that is attached.
    pub fn of(sampler: &hotpoll_sampler::Sampler, tid: u32) -> Self {
        let (key, _) = sampler
            .threads()
            .find(|(_, info)| info.tid == tid)
            .expect("the thread is not seen");
        let injector = hotpoll_sampler::testing::Injector::of(sampler, key).expect("not attached");
        Self {
            info: injector.siginfo(0),
            signal: sampler.settings().signal,
            tid,
        }
    }

    /// Any other signal, with nothing to tell.
    pub fn plain(signal: i32, tid: u32) -> Self {
        let mut info = [0; 16];
        info[0] = signal as u64;
        info[1] = u64::from(libc::SI_QUEUE as u32);
        Self { info, signal, tid }
    }

    /// Sends it to the calling thread, which must be the one that it is for. The handler has run when this returns.
    pub fn send(&self) {
        // SAFETY: the siginfo lives through the call.
        let result = unsafe {
            libc::syscall(
                libc::SYS_rt_tgsigqueueinfo,
                libc::getpid(),
                self.tid,
                self.signal,
                &self.info,
            )
        };
        assert_eq!(result, 0);
    }

    /// The same with the stack pointer somewhere else, for this one system call.
    ///
    /// # Safety
    /// What lies below that address may be overwritten.
    pub unsafe fn send_from(&self, stack_pointer: u64) {
        let result: i64;
        // SAFETY: the registers are those of the system call; r12 keeps the stack pointer and is put back.
        unsafe {
            std::arch::asm!(
                "xchg rsp, r12",
                "syscall",
                "xchg rsp, r12",
                inout("r12") stack_pointer => _,
                inlateout("rax") libc::SYS_rt_tgsigqueueinfo => result,
                in("rdi") std::process::id(),
                in("rsi") self.tid,
                in("rdx") self.signal,
                in("r10") self.info.as_ptr(),
                out("rcx") _,
                out("r11") _,
            );
        }
        assert_eq!(result, 0);
    }
}

/// Runs a function on a thread made by the C library, which gives it no alternate signal stack. Returns what the function returned.
pub fn on_c_thread<R: Send>(stack_bytes: usize, f: impl FnOnce() -> R + Send) -> R {
    type Job<'a> = Box<dyn FnOnce() + Send + 'a>;
    extern "C" fn run(job: *mut libc::c_void) -> *mut libc::c_void {
        // SAFETY: it is the box that was leaked below, taken back once.
        let job = unsafe { Box::from_raw(job.cast::<Job<'_>>()) };
        job();
        std::ptr::null_mut()
    }
    let mut result = None;
    let place = &mut result;
    let job: Box<Job<'_>> = Box::new(Box::new(move || *place = Some(f())));
    // SAFETY: the attributes are initialised before use; the thread is joined before what it borrows goes away.
    unsafe {
        let mut attributes: libc::pthread_attr_t = std::mem::zeroed();
        let mut thread: libc::pthread_t = 0;
        assert_eq!(libc::pthread_attr_init(&mut attributes), 0);
        assert_eq!(
            libc::pthread_attr_setstacksize(&mut attributes, stack_bytes),
            0
        );
        let job = Box::into_raw(job).cast();
        assert_eq!(libc::pthread_create(&mut thread, &attributes, run, job), 0);
        assert_eq!(libc::pthread_join(thread, std::ptr::null_mut()), 0);
        libc::pthread_attr_destroy(&mut attributes);
    }
    result.expect("the thread's function did not end")
}

/// The lowest address of the calling thread's stack that may be used, and one past the highest.
pub fn own_stack() -> (u64, u64) {
    // SAFETY: the attributes are initialised by pthread_getattr_np, read, and destroyed.
    unsafe {
        let mut attributes: libc::pthread_attr_t = std::mem::zeroed();
        assert_eq!(
            libc::pthread_getattr_np(libc::pthread_self(), &mut attributes),
            0
        );
        let (mut address, mut size) = (std::ptr::null_mut(), 0usize);
        libc::pthread_attr_getstack(&attributes, &mut address, &mut size);
        libc::pthread_attr_destroy(&mut attributes);
        // The first usable byte is found by looking at the mapping: whether the guard counts differs between versions.
        let high = address as u64 + size as u64;
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let low = maps
            .lines()
            .filter(|line| line.contains(" rw"))
            .find_map(|line| {
                let (low, rest) = line.split_once('-')?;
                let (end, _) = rest.split_once(' ')?;
                let low = u64::from_str_radix(low, 16).ok()?;
                let end = u64::from_str_radix(end, 16).ok()?;
                (low < high && high <= end).then_some(low.max(address as u64))
            })
            .unwrap();
        (low, high)
    }
}

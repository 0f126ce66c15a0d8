//! framehop over the modules of this process, as a second opinion on whole walks.

use framehop::x86_64::{CacheX86_64, UnwindRegsX86_64, UnwinderX86_64};
use framehop::{ExplicitModuleSectionInfo, Module, Unwinder};
use hotpoll_sampler::unwind::{Registers, StackReader};

use super::elf::ElfSections;

/// framehop, fed with the files that are mapped in this process.
pub struct Framehop {
    unwinder: UnwinderX86_64<Vec<u8>>,
    cache: CacheX86_64,
}

impl Framehop {
    /// Takes the sections from the files, so that nothing but the addresses comes from the code under test. The vDSO has no file: its
    /// image is given.
    pub fn new<'m>(
        modules: impl Iterator<Item = &'m hotpoll_profile::Module>,
        vdso: &[u8],
    ) -> Self {
        let mut unwinder = UnwinderX86_64::new();
        for module in modules {
            let file = if module.path == "[vdso]" {
                ElfSections::parse("[vdso]", vdso)
            } else {
                ElfSections::read(&module.path)
            };
            let Some(file) = file else { continue };
            let sections = file.sections();
            let info = ExplicitModuleSectionInfo {
                base_svma: 0,
                text_svma: Some(sections.text.clone()),
                eh_frame_svma: Some(
                    sections.eh_frame_address
                        ..sections.eh_frame_address + sections.eh_frame.len() as u64,
                ),
                eh_frame: Some(sections.eh_frame.to_vec()),
                eh_frame_hdr_svma: Some(
                    sections.eh_frame_hdr_address
                        ..sections.eh_frame_hdr_address + sections.eh_frame_hdr.len() as u64,
                ),
                eh_frame_hdr: Some(sections.eh_frame_hdr.to_vec()),
                ..Default::default()
            };
            unwinder.add_module(Module::new(
                module.path.clone(),
                module.start..module.end,
                module.load_bias,
                info,
            ));
        }
        Self {
            unwinder,
            cache: CacheX86_64::new(),
        }
    }

    /// The callchain, and whether it reached an end that framehop knows.
    pub fn walk(
        &mut self,
        registers: Registers,
        stack: &impl StackReader,
        depth: usize,
    ) -> (Vec<u64>, bool) {
        let start = UnwindRegsX86_64::new(registers.pc, registers.sp, registers.bp.unwrap_or(0));
        let mut read = |address| stack.read(address).ok_or(());
        let mut frames = self
            .unwinder
            .iter_frames(registers.pc, start, &mut self.cache, &mut read);
        let mut callchain = Vec::new();
        while callchain.len() < depth {
            match frames.next() {
                Ok(Some(frame)) => callchain.push(frame.address()),
                Ok(None) => return (callchain, true),
                Err(_) => return (callchain, false),
            }
        }
        (callchain, false)
    }
}

//! Where the kernel put the vDSO.
#![allow(unsafe_code)] // One call into libc.

/// The address of the vDSO's ELF header, from the auxiliary vector; nothing when the kernel gave none.
pub(super) fn address() -> Option<u64> {
    // SAFETY: getauxval only looks into the auxiliary vector.
    match unsafe { libc::getauxval(libc::AT_SYSINFO_EHDR) } {
        0 => None,
        address => Some(address),
    }
}

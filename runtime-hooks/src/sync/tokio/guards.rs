//! What all guards have in common.

/// `Deref`, `DerefMut`, `Debug` and `Display` of a guard around one of tokio's, as tokio has them.
macro_rules! guard_of {
    ([$($parameters:tt)*] $guard:ty => $target:ty, mut) => {
        $crate::sync::tokio::guards::guard_of!([$($parameters)*] $guard => $target);

        impl<$($parameters)*> std::ops::DerefMut for $guard {
            #[inline]
            fn deref_mut(&mut self) -> &mut $target {
                &mut self.guard
            }
        }
    };
    ([$($parameters:tt)*] $guard:ty => $target:ty) => {
        impl<$($parameters)*> std::ops::Deref for $guard {
            type Target = $target;

            #[inline]
            fn deref(&self) -> &$target {
                &self.guard
            }
        }

        impl<$($parameters)*> std::fmt::Debug for $guard
        where
            $target: std::fmt::Debug,
        {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Debug::fmt(&**self, f)
            }
        }

        impl<$($parameters)*> std::fmt::Display for $guard
        where
            $target: std::fmt::Display,
        {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(&**self, f)
            }
        }
    };
}

pub(super) use guard_of;

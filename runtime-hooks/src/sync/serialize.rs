//! What serde sees of locks: the value, as with parking_lot's and std's own.

#[cfg(feature = "parking_lot")]
use super::{ReentrantMutex, mutex, raw_mutex, raw_rwlock, rwlock};
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// `Deserialize` of a lock: that of its value, and a lock that goes by this place.
macro_rules! deserialize {
    ($([$($parameters:tt)*] $lock:ty;)*) => {$(
        impl<'de, $($parameters)*> Deserialize<'de> for $lock {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Deserialize::deserialize(deserializer).map(Self::new)
            }
        }
    )*};
}

/// `Serialize` of a lock that waits for its value.
#[cfg(feature = "parking_lot")]
macro_rules! serialize {
    ($([$($parameters:tt)*] $lock:ty, $read:ident;)*) => {$(
        impl<$($parameters)*> Serialize for $lock {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.$read().serialize(serializer)
            }
        }
    )*};
}

#[cfg(feature = "parking_lot")]
serialize! {
    [R: raw_mutex::Inner, T: Serialize + ?Sized] mutex::ToldMutex<R, T>, lock;
    [R: raw_rwlock::Inner, T: Serialize + ?Sized] rwlock::ToldRwLock<R, T>, read;
    [T: Serialize + ?Sized] ReentrantMutex<T>, lock;
}

#[cfg(feature = "parking_lot")]
deserialize! {
    [R: raw_mutex::Inner, T: Deserialize<'de>] mutex::ToldMutex<R, T>;
    [R: raw_rwlock::Inner, T: Deserialize<'de>] rwlock::ToldRwLock<R, T>;
    [T: Deserialize<'de>] ReentrantMutex<T>;
}

deserialize! {
    [T: Deserialize<'de>] super::standard::Mutex<T>;
    [T: Deserialize<'de>] super::standard::RwLock<T>;
}

impl<T: Serialize + ?Sized> Serialize for super::standard::Mutex<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.lock() {
            Ok(value) => value.serialize(serializer),
            Err(_) => Err(S::Error::custom("lock poison error while serializing")),
        }
    }
}

impl<T: Serialize + ?Sized> Serialize for super::standard::RwLock<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.read() {
            Ok(value) => value.serialize(serializer),
            Err(_) => Err(S::Error::custom("lock poison error while serializing")),
        }
    }
}

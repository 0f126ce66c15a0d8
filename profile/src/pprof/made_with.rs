//! Inside the private field: what got done, and what the run was made with.

use crate::{Fact, Fingerprint, Work, WorkSource};
use prost::Message;

#[derive(Clone, PartialEq, Message)]
pub(super) struct WorkMessage {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(uint32, tag = "2")]
    source: u32,
    #[prost(uint64, tag = "3")]
    units: u64,
}

impl From<&Work> for WorkMessage {
    fn from(work: &Work) -> Self {
        Self {
            name: work.name.clone(),
            source: work.source.index() as u32,
            units: work.units,
        }
    }
}

impl From<WorkMessage> for Work {
    fn from(message: WorkMessage) -> Self {
        Self {
            name: message.name,
            // A later minor version may know others.
            source: WorkSource::from_index(message.source as usize).unwrap_or_default(),
            units: message.units,
        }
    }
}

/// Keys and values are lists of one length.
#[derive(Clone, PartialEq, Message)]
pub(super) struct FingerprintMessage {
    #[prost(string, tag = "1")]
    workload: String,
    #[prost(string, repeated, tag = "2")]
    machine_keys: Vec<String>,
    #[prost(string, repeated, tag = "3")]
    machine_values: Vec<String>,
    #[prost(string, repeated, tag = "4")]
    build_keys: Vec<String>,
    #[prost(string, repeated, tag = "5")]
    build_values: Vec<String>,
}

impl From<&Fingerprint> for FingerprintMessage {
    fn from(fingerprint: &Fingerprint) -> Self {
        let keys = |facts: &[Fact]| facts.iter().map(|fact| fact.key.clone()).collect();
        let values = |facts: &[Fact]| facts.iter().map(|fact| fact.value.clone()).collect();
        Self {
            workload: fingerprint.workload.clone(),
            machine_keys: keys(&fingerprint.machine),
            machine_values: values(&fingerprint.machine),
            build_keys: keys(&fingerprint.build),
            build_values: values(&fingerprint.build),
        }
    }
}

impl From<FingerprintMessage> for Fingerprint {
    fn from(message: FingerprintMessage) -> Self {
        let facts = |keys: Vec<String>, values: Vec<String>| {
            let pairs = keys.into_iter().zip(values);
            pairs.map(|(key, value)| Fact { key, value }).collect()
        };
        Self {
            workload: message.workload,
            machine: facts(message.machine_keys, message.machine_values),
            build: facts(message.build_keys, message.build_values),
        }
    }
}

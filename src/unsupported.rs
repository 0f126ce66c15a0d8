//! What stands in for the agent on platforms without a sampler: it cannot be started.

use crate::builder::Plan;
use crate::{Profile, SamplerError, StartError};

/// Never made.
#[derive(Debug)]
pub(crate) enum Agent {}

/// Says [`SamplerError::Unsupported`].
pub(crate) fn start(_: Plan) -> Result<Agent, StartError> {
    Err(SamplerError::Unsupported.into())
}

impl Agent {
    pub fn is_running(&self) -> bool {
        match *self {}
    }

    pub fn profile(&self) -> Profile {
        match *self {}
    }

    pub fn stop(&self) {
        match *self {}
    }
}

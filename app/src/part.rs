//! The pieces that pages are made of, one a file. Owns nothing else.

pub(crate) mod attempt;
pub(crate) mod avatar;
pub(crate) mod composer;
pub(crate) mod dialog;
pub(crate) mod field;
pub(crate) mod icon;
pub(crate) mod journal;
pub(crate) mod log;
pub(crate) mod markdown;
pub(crate) mod menu;
pub(crate) mod message;
pub(crate) mod presence;
pub(crate) mod receipt;
pub(crate) mod row;
pub(crate) mod self_test;
pub(crate) mod status;
pub(crate) mod strength;
pub(crate) mod window;

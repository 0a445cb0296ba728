//! The Functions host stand-in.

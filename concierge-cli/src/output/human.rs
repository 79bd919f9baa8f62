//! What goes wrong, for people. How each record looks is with the record.

use super::{
    escape::escape,
    length::bounded,
    style::{Palette, Role},
};
use crate::failure::Failure;

/// A failure, and what to try.
pub(super) fn failure(failure: &Failure, palette: Palette) -> String {
    let message =
        format!("{} {}\n", palette.paint(Role::Error, "error:"), escape(&bounded(failure.message())));
    match failure.hinted() {
        Some(hint) => {
            format!("{message}{}  {}\n", palette.paint(Role::Hint, "hint:"), escape(&bounded(hint)))
        }
        None => message,
    }
}

//! The HTTP side of Telegraphy, where web applications publish, hand out tokens, and see who is there: which request means what, and
//! what it is answered. Its core is [`events`](crate::events).
//!
//! Whoever drives it finds the [`Route`] of a request first, which needs no body; [`Route::check`] says whether it takes such a body,
//! and [`Route::most_bytes`] how much of it. [`Route::read`] makes of it what is [`Asked`] of the core, and [`Expected::answer`] of the
//! core's reply the [`Answer`]. Keys are none of its business, nor is who may come how often: [`Answer`]s to that are made from a
//! [`Problem`](concierge_client::telegraphy::web::Problem) as well.

mod answer;
mod batch;
mod query;
mod read;
mod route;

pub use answer::{Answer, Expected, result, results};
pub use read::{Asked, Head};
pub use route::Route;

/// The description of all this for programs: `OpenAPI` 3.1.
pub const DESCRIPTION: &str = include_str!("../../../../openapi.json");

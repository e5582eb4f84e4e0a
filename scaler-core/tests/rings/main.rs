//! Promises of rings beyond their laws: on average, for small tables, and over a long life.

mod computed;
mod hash_quality;
mod long_life;
mod small_tables;

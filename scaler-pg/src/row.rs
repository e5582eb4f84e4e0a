//! Rows of a statement's result, read by column name.

/// Defines a struct that is read from a row with one column per field, as the derive macro of `sqlx::FromRow` would. That macro would compile
/// the whole client a second time, for the compiler itself.
macro_rules! row {
    ($(#[$meta:meta])* $visibility:vis struct $name:ident { $($field:ident: $type:ty,)+ }) => {
        $(#[$meta])*
        $visibility struct $name {
            $($field: $type,)+
        }

        impl<'row> sqlx::FromRow<'row, sqlx::postgres::PgRow> for $name {
            fn from_row(row: &'row sqlx::postgres::PgRow) -> Result<Self, sqlx::Error> {
                // A raw name such as `r#type` is the column `type`.
                Ok(Self { $($field: sqlx::Row::try_get(row, stringify!($field).trim_start_matches("r#"))?,)+ })
            }
        }
    };
}

pub(crate) use row;

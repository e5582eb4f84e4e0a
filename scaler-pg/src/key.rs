//! Keys of items, as Postgres sends and takes them: by the type of the key column.

use scaler_core::{ItemId, KeyType};
use sqlx::encode::{Encode, IsNull};
use sqlx::error::BoxDynError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgHasArrayType, PgTypeInfo, PgValueRef, Postgres};
use sqlx::{Decode, Type, TypeInfo, ValueRef};
use uuid::Uuid;

/// A key that is read from a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key(pub(crate) ItemId);

/// Keys as one parameter. All are of the type of the key column.
#[derive(Clone, Debug)]
pub(crate) struct Keys(Vec<ItemId>);

/// Returns the type of keys in a column of this type, as `format_type` writes it; `None` if a key cannot be of that type.
pub(crate) fn key_type(column: &str) -> Option<KeyType> {
    match column {
        "uuid" => Some(KeyType::Uuid),
        "bigint" => Some(KeyType::BigInt),
        "integer" => Some(KeyType::Integer),
        "text" | "character varying" => Some(KeyType::Text),
        other => other.starts_with("character varying(").then_some(KeyType::Text),
    }
}

/// Returns the type of a key in the statements. An integer is widened, since equal numbers have equal hashes.
pub(crate) const fn sql_type(key_type: KeyType) -> &'static str {
    match key_type {
        KeyType::Uuid => "uuid",
        KeyType::BigInt | KeyType::Integer => "bigint",
        KeyType::Text => "text",
    }
}

/// Returns the function of Postgres that hashes a key.
pub(crate) const fn hash_function(key_type: KeyType) -> &'static str {
    match key_type {
        KeyType::Uuid => "uuid_hash_extended",
        KeyType::BigInt | KeyType::Integer => "hashint8extended",
        KeyType::Text => "hashtextextended",
    }
}

impl Type<Postgres> for Key {
    fn type_info() -> PgTypeInfo {
        <Uuid as Type<Postgres>>::type_info()
    }

    fn compatible(found: &PgTypeInfo) -> bool {
        <Uuid as Type<Postgres>>::compatible(found)
            || <i64 as Type<Postgres>>::compatible(found)
            || <i32 as Type<Postgres>>::compatible(found)
            || <str as Type<Postgres>>::compatible(found)
    }
}

impl PgHasArrayType for Key {
    fn array_type_info() -> PgTypeInfo {
        Uuid::array_type_info()
    }

    fn array_compatible(found: &PgTypeInfo) -> bool {
        Uuid::array_compatible(found) || i64::array_compatible(found) || String::array_compatible(found)
    }
}

impl<'row> Decode<'row, Postgres> for Key {
    fn decode(value: PgValueRef<'row>) -> Result<Self, BoxDynError> {
        let id = match value.type_info().name() {
            "UUID" => ItemId::Uuid(<Uuid as Decode<Postgres>>::decode(value)?),
            "INT8" => ItemId::from(<i64 as Decode<Postgres>>::decode(value)?),
            "INT4" => ItemId::from(<i32 as Decode<Postgres>>::decode(value)?),
            _ => ItemId::from(<&str as Decode<Postgres>>::decode(value)?),
        };
        Ok(Self(id))
    }
}

impl Keys {
    /// Returns the keys; `None` if there are none, since an empty array would have to name the type of the key.
    pub(crate) fn new(items: &[ItemId]) -> Option<Self> {
        (!items.is_empty()).then(|| Self(items.to_vec()))
    }

    fn uuids(&self) -> Vec<Uuid> {
        self.0.iter().filter_map(ItemId::as_uuid).collect()
    }

    fn integers(&self) -> Vec<i64> {
        let integer = |item: &ItemId| if let ItemId::Integer(id) = item { Some(*id) } else { None };
        self.0.iter().filter_map(integer).collect()
    }

    fn texts(&self) -> Vec<String> {
        let text = |item: &ItemId| if let ItemId::Text(id) = item { Some(id.to_string()) } else { None };
        self.0.iter().filter_map(text).collect()
    }
}

impl Type<Postgres> for Keys {
    /// No type: where there are no keys, Postgres takes that of the function's parameter.
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(0))
    }
}

impl Encode<'_, Postgres> for Keys {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        match self.0.first() {
            Some(ItemId::Integer(_)) => self.integers().encode_by_ref(buffer),
            Some(ItemId::Text(_)) => self.texts().encode_by_ref(buffer),
            Some(ItemId::Uuid(_)) | None => self.uuids().encode_by_ref(buffer),
        }
    }

    fn produces(&self) -> Option<PgTypeInfo> {
        Some(match self.0.first() {
            Some(ItemId::Integer(_)) => i64::array_type_info(),
            Some(ItemId::Text(_)) => String::array_type_info(),
            Some(ItemId::Uuid(_)) | None => Uuid::array_type_info(),
        })
    }
}

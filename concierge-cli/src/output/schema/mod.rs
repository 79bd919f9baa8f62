//! What records look like: a JSON Schema for each type, and the columns that `-o tsv` writes. `records.json` has the types in the
//! order in which they are listed, without what every record has; `shared.json` what several of them consist of.

#[cfg(test)]
mod coverage;

use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::json::FORM;

/// The types of records, in the order in which they are listed.
pub(crate) fn types() -> &'static [Type] {
    static TYPES: LazyLock<Vec<Type>> = LazyLock::new(|| {
        let types: InOrder = serde_json::from_str(include_str!("records.json")).expect("a test reads it");
        types.0
    });
    &TYPES
}

/// A type of records.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Type {
    /// What `type` says.
    #[serde(skip)]
    pub name: String,
    /// What such a record tells.
    pub about: String,
    /// The fields of a row; none for what is never written as one.
    pub columns: Vec<String>,
    /// Of which shared definition they have the fields, where that stands in other records, too.
    fields_of: Option<String>,
    /// The fields besides.
    #[serde(default)]
    properties: Map<String, Value>,
    /// Which of those may be missing.
    #[serde(default)]
    optional: Vec<String>,
}

impl Type {
    /// The schema of its records, which refers to what is shared.
    fn schema(&self) -> Value {
        let mut properties = Map::from_iter([
            ("v".to_owned(), json!({ "const": FORM })),
            ("ts".to_owned(), json!({ "type": "string", "format": "date-time" })),
            ("type".to_owned(), json!({ "const": self.name })),
        ]);
        properties.extend(self.properties.clone());
        let optional = |key: &&String| self.optional.contains(key);
        let mut required: Vec<_> =
            properties.keys().filter(|key| !optional(key)).map(|key| json!(key)).collect();
        if let Some(shared) = self.fields_of.as_ref().and_then(|name| shared().remove(name)) {
            let fields = shared.get("properties").and_then(Value::as_object);
            properties.extend(fields.cloned().unwrap_or_default());
            required.extend(shared.get("required").and_then(Value::as_array).cloned().unwrap_or_default());
        }
        json!({
            "description": self.about,
            "type": "object",
            "required": required,
            "properties": properties,
        })
    }
}

/// The schema of all records: one of the types, each of which is a definition.
pub(crate) fn document() -> Value {
    let references: Vec<_> = types().iter().map(|kind| reference(&kind.name)).collect();
    let mut definitions = shared();
    definitions.extend(types().iter().map(|kind| (kind.name.clone(), kind.schema())));
    dressed(&json!({ "title": "A record of concierge", "oneOf": references }), definitions)
}

/// The schema of a type's records.
pub(crate) fn document_of(kind: &Type) -> Value {
    let schema = kind.schema();
    let mut wanted = Vec::new();
    let shared = shared();
    refer(&schema, &shared, &mut wanted);
    let definitions = shared.into_iter().filter(|(name, _)| wanted.contains(name)).collect();
    dressed(&schema, definitions)
}

/// What of the shared definitions a schema refers to, through others too.
fn refer(schema: &Value, shared: &Map<String, Value>, wanted: &mut Vec<String>) {
    match schema {
        Value::Object(fields) => {
            let target = fields.get("$ref").and_then(Value::as_str);
            if let Some(name) = target.and_then(|target| target.strip_prefix("#/$defs/"))
                && !wanted.iter().any(|known| known == name)
            {
                wanted.push(name.to_owned());
                refer(shared.get(name).unwrap_or(&Value::Null), shared, wanted);
            }
            fields.values().for_each(|field| refer(field, shared, wanted));
        }
        Value::Array(items) => items.iter().for_each(|item| refer(item, shared, wanted)),
        _ => {}
    }
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{name}") })
}

/// What records consist of. The names are capitalised, which no type's is: `client` is a record, `Client` a part of some.
fn shared() -> Map<String, Value> {
    serde_json::from_str(include_str!("shared.json")).expect("a test reads it")
}

fn dressed(schema: &Value, definitions: Map<String, Value>) -> Value {
    let mut document = schema.as_object().cloned().unwrap_or_default();
    document.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
    if !definitions.is_empty() {
        document.insert("$defs".to_owned(), Value::Object(definitions));
    }
    Value::Object(document)
}

/// The types as they stand in the file: an object of JSON that keeps its order.
struct InOrder(Vec<Type>);

impl<'de> Deserialize<'de> for InOrder {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Types;
        impl<'de> serde::de::Visitor<'de> for Types {
            type Value = InOrder;
            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("an object")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<InOrder, A::Error> {
                let mut types = Vec::new();
                while let Some((name, kind)) = map.next_entry::<String, Type>()? {
                    types.push(Type { name, ..kind });
                }
                Ok(InOrder(types))
            }
        }
        deserializer.deserialize_map(Types)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_schema_is_one() {
        assert!(jsonschema::draft202012::meta::is_valid(&document()));
        for kind in types() {
            let schema = document_of(kind);
            assert!(jsonschema::draft202012::meta::is_valid(&schema), "{}", kind.name);
            assert!(jsonschema::draft202012::new(&schema).is_ok(), "{}", kind.name);
        }
    }

    #[test]
    fn a_type_stands_alone_with_what_it_refers_to() {
        let message = types().iter().find(|kind| kind.name == "MESSAGE").unwrap();
        let schema = document_of(message);
        let definitions: Vec<_> = schema["$defs"].as_object().unwrap().keys().collect();
        assert_eq!(definitions, ["Origin", "Service", "Target", "Uuid"]);
        assert_eq!(schema["required"], json!(["data", "origin", "target", "ts", "type", "v"]));
    }
}

//! That the description of the HTTP side for programs says what is asked and answered: every request and answer of the transcripts is
//! held to it.

use std::collections::BTreeSet;

use concierge_client::telegraphy::web::{PREFIX, ProblemStatus};
use serde_json::{Value, json};

use super::{
    super::web::{DESCRIPTION, Route},
    TRANSCRIPTS,
    application::parts,
};

fn description() -> Value {
    serde_json::from_str(DESCRIPTION).unwrap()
}

/// Every request in any transcript, with the answer to it. Answers come in the order of requests.
fn exchanges() -> Vec<(&'static str, &'static str)> {
    let said = |prefix: &'static str| {
        let lines = TRANSCRIPTS.iter().flat_map(|(_, text)| text.lines());
        lines.filter_map(move |line| line.strip_prefix(prefix))
    };
    assert_eq!(said("web > ").count(), said("web < ").count());
    said("web > ").zip(said("web < ")).collect()
}

/// The code of an answer, and its body if it has one.
fn answered(answer: &str) -> (&str, Option<Value>) {
    let (code, rest) = answer.split_once(' ').unwrap_or((answer, ""));
    let body = rest.find('{').and_then(|begin| rest.get(begin..));
    (code, body.map(|body| serde_json::from_str(body).unwrap()))
}

/// The path and the method of the description that a request belongs to.
fn operation<'d>(description: &'d Value, method: &str, target: &str) -> Option<(&'d str, &'d Value)> {
    let path = target.split('?').next()?.strip_prefix(PREFIX)?;
    let segments: Vec<_> = path.split('/').collect();
    let paths = description["paths"].as_object()?;
    let (template, item) = paths.iter().find(|(template, _)| {
        let wanted: Vec<_> = template.split('/').collect();
        let fits = |(wanted, segment): (&&str, &&str)| wanted.starts_with('{') || wanted == segment;
        wanted.len() == segments.len() && wanted.iter().zip(&segments).all(fits)
    })?;
    let method = if method == "HEAD" { "get".to_owned() } else { method.to_lowercase() };
    item.get(&method).map(|operation| (template.as_str(), operation))
}

/// What a reference stands for.
fn resolved<'d>(description: &'d Value, value: &'d Value) -> &'d Value {
    match value["$ref"].as_str() {
        Some(reference) => description.pointer(reference.strip_prefix('#').unwrap()).unwrap(),
        None => value,
    }
}

/// A schema of the description, with what it refers to.
fn validator(description: &Value, schema: &Value) -> jsonschema::Validator {
    let schema = json!({"allOf": [schema], "components": description["components"]});
    jsonschema::draft202012::new(&schema).unwrap()
}

fn assert_valid(description: &Value, content: &Value, body: &Value, what: &str) {
    let schema = &content["application/json"]["schema"];
    assert!(schema.is_object(), "{what}: there is no schema");
    let errors: Vec<_> =
        validator(description, schema).iter_errors(body).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{what}\n  {}", errors.join("\n  "));
}

#[test]
fn every_request_and_answer_is_as_described() {
    let description = description();
    let mut seen = BTreeSet::new();
    for (request, answer) in exchanges() {
        let what = format!("web > {request}\nweb < {answer}");
        let (method, target, kind, body) = parts(request);
        let (code, answer) = answered(answer);
        let responses = match operation(&description, method, target) {
            Some((template, operation)) => {
                let body =
                    serde_json::from_str(&body).ok().filter(|_| code.starts_with('2') && kind.is_none());
                if let Some(body) = body {
                    let request = resolved(&description, &operation["requestBody"]);
                    // Of a batch, an event that is refused may be anything.
                    if !answer.as_ref().is_some_and(|answer| answer.to_string().contains("\"status\"")) {
                        assert_valid(&description, &request["content"], &body, &what);
                    }
                }
                seen.insert((template.to_owned(), method.to_owned(), code.to_owned()));
                &operation["responses"][code]
            }
            None if code == "405" => &description["components"]["responses"]["WrongMethod"],
            None => &description["components"]["responses"]["NotFound"],
        };
        let response = resolved(&description, responses);
        assert!(response.is_object(), "{what}\n  {code} is not described");
        match answer {
            Some(answer) => assert_valid(&description, &response["content"], &answer, &what),
            None => assert!(response.get("content").is_none(), "{what}\n  there is no body"),
        }
    }
    for (template, item) in description["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let responses = operation["responses"].as_object().into_iter().flatten();
            for code in responses.map(|(code, _)| code).filter(|code| !OUTSIDE.contains(&code.as_str())) {
                let one = (template.clone(), method.to_uppercase(), code.clone());
                assert!(seen.contains(&one) || template == "/openapi.json", "{one:?} is in no transcript");
            }
        }
    }
}

/// What is answered by whoever serves it, before anything of it is looked at; or where nothing is to be done about it.
const OUTSIDE: [&str; 6] = ["401", "403", "408", "429", "500", "503"];

#[test]
fn every_path_that_is_described_is_there_and_has_a_name_of_its_own() {
    let description = description();
    let mut names = BTreeSet::new();
    for (template, item) in description["paths"].as_object().unwrap() {
        let path =
            template.replace("{id}", "00000000-0000-0000-0000-000000000000").replace("{name}", "app.Model");
        for method in item.as_object().unwrap().keys().filter(|key| *key != "parameters") {
            let route = Route::find(&method.to_uppercase(), &format!("{PREFIX}{path}")).unwrap();
            assert!(names.insert(route.name()), "{method} {template}");
            assert_eq!(route.most_bytes(1).is_some(), item[method].get("requestBody").is_some(), "{path}");
        }
    }
    assert_eq!(names.len(), 14);
}

#[test]
fn every_status_of_a_problem_is_described() {
    let description = description();
    let known: Vec<_> = ProblemStatus::ALL.iter().map(|status| json!(status)).collect();
    assert_eq!(description["components"]["schemas"]["Problem"]["properties"]["status"]["enum"], json!(known));
}

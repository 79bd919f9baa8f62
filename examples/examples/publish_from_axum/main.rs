//! A small web application on axum: teams with tasks, and each sees its own change as it happens.
//!
//! It tells a gateway over HTTP which event it has, lets those who are logged in listen to it with a token that works once, and publishes every
//! change. It listens where its argument says, and asks the gateway at `$CONCIERGE_API` with the key in `$CONCIERGE_API_KEY`.

mod board;
mod news;
mod people;
mod refusal;

use std::{env, sync::Arc, time::Duration};

use anyhow::Context as _;
use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::IntoResponse,
    routing::{get, post, put},
};
use concierge_examples::{gateway_url, say, told_to_stop};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::oneshot, time::timeout};

use self::{
    board::{Board, Task},
    news::News,
    people::{Member, People},
    refusal::Refusal,
};

/// The largest body of a request, in bytes.
const MAX_BODY: usize = 4096;

/// What all requests share.
struct App {
    people: People,
    board: Board,
    news: News,
    /// What a page may do: nothing but run the script of this application, and talk to it and to the gateway.
    policy: HeaderValue,
}

type Shared = State<Arc<App>>;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let bind = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:3000".to_owned());
    let api = env::var("CONCIERGE_API").unwrap_or_else(|_| "http://127.0.0.1:4000".to_owned());
    let key = env::var("CONCIERGE_API_KEY").context("no API key of the gateway is in $CONCIERGE_API_KEY")?;
    let gateway = gateway_url();
    let policy = format!(
        "default-src 'none'; script-src 'self'; connect-src 'self' {gateway}; frame-ancestors 'none'"
    );
    let app = Arc::new(App {
        people: People::new()?,
        board: Board::default(),
        news: News::new(&api, key, gateway)?,
        policy: policy.parse()?,
    });
    app.news.define().await.context("the gateway does not take the event")?;

    let routes = Router::new()
        .route("/", get(page))
        .route("/page.js", get(script))
        .route("/login", post(log_in).delete(log_out))
        .route("/token", post(token))
        .route("/tasks", get(list).post(create))
        .route("/tasks/{id}", put(change))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(app);
    let listener = TcpListener::bind(&bind).await.with_context(|| format!("cannot listen on {bind}"))?;
    say(format!("http://{}", listener.local_addr()?))?;
    let stop = told_to_stop()?;
    say("ready")?;

    let (stopping, stopped) = oneshot::channel::<()>();
    let server = axum::serve(listener, routes).with_graceful_shutdown(async { drop(stopped.await) });
    let server = tokio::spawn(server.into_future());
    stop.await;
    drop(stopping);
    // Who is slower than that is cut off.
    if let Ok(served) = timeout(Duration::from_secs(3), server).await {
        served??;
    }
    Ok(())
}

async fn page(State(app): Shared) -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CONTENT_SECURITY_POLICY, app.policy.clone()),
    ];
    (headers, include_str!("page.html"))
}

async fn script() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], include_str!("page.js"))
}

/// Who somebody says to be.
#[derive(Deserialize)]
struct Name {
    name: String,
}

async fn log_in(State(app): Shared, Json(Name { name }): Json<Name>) -> Result<impl IntoResponse, Refusal> {
    let login = app.people.log_in(&name).ok_or(Refusal::NOT_LOGGED_IN)?;
    // No script reads it, and no other page has it sent.
    let cookie = format!("login={login}; HttpOnly; SameSite=Strict; Path=/; Max-Age=86400");
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]))
}

/// Everywhere, also where somebody listens with a token of before.
async fn log_out(State(app): Shared, member: Member) -> Result<StatusCode, Refusal> {
    app.people.log_out(&member);
    app.news.end(&member).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What a page needs to listen: where, and the token with which it does so as this member.
async fn token(State(app): Shared, member: Member, headers: HeaderMap) -> Result<Json<Value>, Refusal> {
    // Of no use to another page that gets hold of it.
    let origin = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
    let token = app.news.token(&member, origin).await?;
    Ok(Json(json!({"url": app.news.gateway(), "token": token.reveal()})))
}

async fn list(State(app): Shared, member: Member) -> Json<Vec<Task>> {
    Json(app.board.open_tasks(member.team))
}

/// A task as a form has it.
#[derive(Deserialize)]
struct Draft {
    title: String,
}

async fn create(
    State(app): Shared,
    member: Member,
    Json(draft): Json<Draft>,
) -> Result<(StatusCode, Json<Task>), Refusal> {
    let change = app.board.create(member.team, &draft.title).await?;
    app.news.tell("create", change.task(), None).await?;
    Ok((StatusCode::CREATED, Json(change.make())))
}

/// What can be changed of a task.
#[derive(Deserialize)]
struct Changed {
    done: bool,
}

async fn change(
    State(app): Shared,
    member: Member,
    Path(id): Path<u64>,
    Json(changed): Json<Changed>,
) -> Result<Json<Task>, Refusal> {
    let (change, previous) = app.board.change(member.team, id, changed.done).await?;
    app.news.tell("update", change.task(), Some(&previous)).await?;
    Ok(Json(change.make()))
}

// The tasks of a team, as they are now. The application is asked for what there is, the gateway tells of what changes.
"use strict";

const byId = (id) => document.getElementById(id);
const status = (text) => (byId("status").textContent = text);

// Asks the application. What it refuses, it says why.
async function ask(method, path, body) {
  const headers = body ? { "content-type": "application/json" } : {};
  const response = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
  const text = await response.text();
  if (response.ok) return text ? JSON.parse(text) : null;
  const isJson = response.headers.get("content-type")?.startsWith("application/json");
  throw Object.assign(new Error(isJson ? JSON.parse(text).error : text), { status: response.status });
}

// ---- what is seen -------------------------------------------------------------------------------------------------------------------------

function show({ id, title, done }) {
  const there = byId(`task-${id}`);
  if (done) return there?.remove();
  const item = there ?? byId("tasks").appendChild(document.createElement("li"));
  item.id = `task-${id}`;
  item.textContent = title; // never as HTML: somebody else wrote it
  const button = item.appendChild(document.createElement("button"));
  button.textContent = "Done";
  button.onclick = () => attempt(() => ask("PUT", `/tasks/${id}`, { done: true }));
}

function isLoggedIn(is) {
  byId("login").hidden = is;
  byId("board").hidden = !is;
}

// ---- what the gateway tells ----------------------------------------------------------------------------------------------------------------

let session; // the token of this page's session, to come back to it
let attempts = 0;
let retry;

async function listen() {
  clearTimeout(retry);
  const { url, token } = await ask("POST", "/token");
  isLoggedIn(true);
  const socket = new WebSocket(url, "telegraphy.v1");
  let id = 0, waiting, silence, pause = 25;

  // The gateway is never silent for longer than it said: where nothing happens looks like a line that is dead.
  const heard = () => {
    clearTimeout(silence);
    silence = setTimeout(() => socket.close(), (pause + 10) * 1000);
  };
  const say = (message, args) =>
    new Promise((resolve, reject) => {
      waiting = { resolve, reject };
      socket.send(JSON.stringify({ message, id: id++, args }));
    });

  let held = null; // what comes while the tasks are loaded is newer than they are
  let loading = Promise.resolve();
  const load = () =>
    (loading = loading.then(async () => {
      held = [];
      const tasks = await ask("GET", "/tasks");
      byId("tasks").replaceChildren();
      [...tasks, ...held].forEach(show);
      held = null;
    }));

  socket.onopen = async () => {
    heard();
    try {
      const said = await say("CONNECT", { auth_token: token, session_token: session });
      session = said.session_token ?? session;
      pause = said.ping_interval;
      // Also when the gateway has forgotten the event: the application says it again with the next task.
      await say("SUBSCRIBE", { event_name: "todo.Task", filters: { done: false }, lazy: true });
      await load();
      attempts = 0;
      status("live");
    } catch {
      socket.close();
    }
  };
  socket.onmessage = ({ data }) => {
    heard();
    const frame = JSON.parse(data);
    if ("success" in frame) {
      frame.success ? waiting?.resolve(frame.data) : waiting?.reject(new Error(frame.data.message));
    } else if (frame.event === "todo.Task") {
      // A task that is done does not fulfil the filter any more: it leaves, and comes for the last time.
      const task = { ...frame.data, done: frame.meta.transition === "leave" };
      held ? held.push(task) : show(task);
    } else if (frame.event === "telegraphy.gap") {
      load().catch(() => socket.close()); // something was lost on the way
    }
  };
  socket.onclose = () => {
    clearTimeout(silence);
    waiting?.reject(new Error("the line is closed"));
    again();
  };
}

// Comes back after a while: twice as long each time, and not together with everybody else.
function again() {
  status("the gateway is away");
  const wait = Math.random() * Math.min(30, 0.25 * 2 ** attempts++);
  clearTimeout(retry);
  retry = setTimeout(() => attempt(listen, again), wait * 1000);
}

// ---- what is done here ---------------------------------------------------------------------------------------------------------------------

async function attempt(action, otherwise) {
  try {
    await action();
  } catch (error) {
    if (error.status === 401) isLoggedIn(false);
    else if (otherwise) return otherwise();
    status(error.message);
  }
}

byId("login").onsubmit = (event) => {
  event.preventDefault();
  attempt(async () => {
    await ask("POST", "/login", { name: event.target.elements.name.value });
    await attempt(listen, again);
  });
};
byId("add").onsubmit = (event) => {
  event.preventDefault();
  attempt(async () => {
    await ask("POST", "/tasks", { title: event.target.elements.title.value });
    event.target.reset();
  });
};
byId("logout").onclick = () =>
  attempt(async () => {
    await ask("DELETE", "/login");
    location.reload();
  });

attempt(listen, again);

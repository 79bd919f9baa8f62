//! The whole program: arguments in, output and exit code out, against a gateway in this process.

mod bench;
mod commands;
mod doctor;
mod event;
mod event_listen;
mod failures;
mod files;
mod filters;
mod formats;
mod front;
mod gateway;
mod hold;
mod hold_wire;
mod jobs;
mod language;
mod processes;
mod requests;
mod schemas;
mod scripts;
mod sending;
mod serving;
mod sessions;
mod settings;
mod streams;
mod waiting;

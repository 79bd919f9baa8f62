//! What can be asked about the language: pages of help, which `help/` lists with the others.

pub(crate) const SCRIPTING: &str = "\
Scripts: lines of the REPL in a file, run by `concierge run FILE` or from a pipe.

  # a comment; an empty line does nothing
  services create chat
  listen chat
  @me {\"n\": 1}
  expect MESSAGE from me where '.data.n == 1' within 2s
  assert '.data | length == 1'
  sleep 500ms
  wait                     until all jobs have ended
  source more.concierge    the lines of another file, seen from this one

A script stops at the first line that fails, with its exit code; with --keep-going it goes on,
and ends with 9. `expect` looks at what has arrived since the last `expect`, so that nothing can
come too early. What it finds is $_. A demand that is not met ends with exit code 8. Commands of
a shell (`!date`, `| sort`) are refused without --allow-shell, before anything is done.
";

pub(crate) const VARIABLES: &str = "\
Variables: names for JSON values.

  let who = bob                          a text
  let greeting = {\"text\": \"hi\"}          any JSON
  let chat = services show chat          the result of a statement, which is not shown then
  let today = !date +%F                  what a shell's command writes
  send $who $greeting                    a whole word is the value as it is
  send $who n:=$chat.service.n t=$today  `key:=` takes a value, `key=` its text
  $_ | jq .clients[].name                $_ is the last result; a list where there were several,
                                         of the newest 1,000
  vars                                   shows them all

$name.path.0 goes into a value, ${name} ends a name where letters follow. Variables are replaced
outside of single quotes and of JSON, and in the text after @NAME and #NAME only where they are
all of it. A value is never read again: it is no option, no file, no operator. In filters, `$who`
is the value; a shell has it in its environment.
";

pub(crate) const PIPES: &str = "\
Pipes: where results go.

  clients ls | jq .clients[].name        the built-in filter, in the language of jq: a line each
  clients ls | jq -r '.clients[] | .name'  -r writes texts without quotes
  clients ls | sort | head -3            a shell's commands, by $SHELL -c
  clients ls --json > clients.json       a file, from its beginning; `>>` at its end
  listen chat | jq .data                 a stream, line by line, until Ctrl-C
  listen chat > chat.log                 a stream into a file is a job: help jobs
  !date                                  a shell's command on its own

Without an option, a filter gets JSON, everything else what would be on the screen, without
colours. Inside quotes and JSON, `|` and `>` are characters like others; after @NAME and #NAME
they always are. A command that ends with another status than 0 is a failure. `~/` at the beginning
of a path is the home folder, unless it is in quotes.
";

pub(crate) const JOBS: &str = "\
Jobs: what goes on while other lines are carried out.

  listen chat > chat.log            a stream into a file
  listen chat | jq -r .data >> log  through a filter
  watch 10s clients ls > now.txt &  with `&` at the end, whatever talks to the gateway
  jobs                              shows what runs
  stop 2, stop all                  ends it
  wait, wait 2                      waits until it has ended

How a job ended is told once. Ctrl-C ends only what runs in the foreground. In a script, jobs end
with it, and one that failed fails it. There can be 32.

One that is stopped, or ends with the session, writes what has come until then, and its programs
find the end of their input: `listen | gzip > log.gz &` is whole. What has not ended after two
seconds is ended, which is told. `stop` a second time, or Ctrl-C while leaving, waits no longer.
";

//! The topics that are prose.

pub(super) const TARGETS: &str = "\
Targets: whom a message is for.

  bob, @bob         the client of that name
  UUID              the client of that id (whole, with hyphens)
  svc:chat, #chat   a service: from its owner to the subscribers, from a subscriber to the owner
  svc:chat/UUID     from a service's owner to one client
  all               everyone, yourself included (@all is a client named all)

Files have places of their own, and no message goes there:

  bob/map.json      a file of the client bob
  bob/maps/         one of his folders; bob/ and bob are everything he has

Quote a name with spaces: 'svc:söö x', and in the REPL #\"söö x\" too. A shell takes # for a
comment: there it is svc:.
";

pub(super) const PAYLOADS: &str = "\
Payloads: what a message carries, one JSON value.

  {\"a\": 1}, [1], \"x\", 42   JSON, sent byte for byte
  text=hi n:=1             the object {\"text\":\"hi\",\"n\":1}
  good morning             other text, sent as a JSON string
  @message.json            what is in a file
  -, or a pipe             what comes in (not in the REPL, whose input are its lines)

A word that starts with {, [ or \" is one JSON value to its end; in the REPL the line goes on
until it is whole, and after @bob and #chat text is sent just as it was typed. In a shell, put
JSON in single quotes.
";

pub(super) const JQ: &str = "\
Filters: --jq FILTER writes what the filter makes of each record, as JSON; jq need not be there.

  concierge whoami --jq .client.uuid
  concierge clients ls --jq '[.clients[].name]'
  concierge events -o raw --jq '\"\\(.ts) \\(.type)\"'

A finite command is one record, with -o ndjson one for each entry; a stream is one for each
event. With -o raw, text comes out without quotes. A filter that gives nothing writes nothing:
select(…) picks.

It is the language of jq 1.7 but for what reads files, the environment or more input. Numbers
stay as they were written. A mistake is a usage error (2), told with its column before anything
is done; so is a filter that does not fit a record. A filter that does not end is stopped after
some seconds.
";

pub(super) const SCRIPTING: &str = "\
Scripting: what a script can rely on.

Data is on the standard output and nothing else is. The exit code tells how it ended: concierge
help exit-codes. Without a terminal nothing is asked, coloured or cut.

A finite command writes one JSON document with --json, a stream a record a line, each written at
once; an empty list is an empty list, not nothing.

  concierge send bob text=hi || echo \"not sent: $?\"
  concierge clients ls -o raw | while read -r name; do echo \"$name\"; done
  concierge listen chat -n 1 --for 10s --json

A stream ends after -n COUNT or --for TIME, which is success. A send ends on the gateway's
answer. A command does not try again: that is for you to decide, by the exit code. 7 means that
nobody knows whether it was done.

Each command is a client of its own: what it opens or subscribes to is gone when it ends.
Commands that belong together go into one script, which is one client: concierge run FILE, or a
pipe into concierge.

  printf 'services create chat\\nlisten chat -n 1 --for 10s\\n' | concierge -u 192.0.2.7:64209
";

pub(super) const CONTEXTS: &str = "\
Contexts: gateways that have a name, with what is needed to connect to each.

  concierge context add lab --url ws://192.0.2.7:64209/ws --name alice
  concierge context use lab      commands go there from now on
  concierge context use -        the one before
  concierge -c lab whoami        this once
  concierge context ls

They are kept in $XDG_CONFIG_HOME/concierge/config.toml. A secret goes only to the URL of the
context that it is kept in. Flags and variables win over a context; concierge config explain
tells what comes from where.
";

pub(super) const TELEGRAPHY: &str = "\
Telegraphy: events of web applications, for browsers and programs.

A web application publishes what happens over HTTP, and decides who may see what. `event` speaks
for one. The gateway listens for web applications once it has a file with keys, and says where:

  concierge server --set telegraphy.api_keys_file=api.keys

Where `event` asks, and with which key:

  --api URL             CONCIERGE_API            api in a context
  --api-key-file FILE   CONCIERGE_API_KEY_FILE   api_key_file in a context
                        CONCIERGE_API_KEY        the key itself

A key is never an argument. One that is kept in a context goes only to the api it is kept with. In
the REPL on a gateway of its own nothing needs to be said: server info shows what web applications
need.

Grants and subscriptions filter by what an event carries:

  {\"room\": 42}                       equal, numbers by their value
  {\"room__in\": [1, 2]}               one of several
  {\"count__gte\": 3}                  gt, gte, lt, lte, range
  {\"title__icontains\": \"milk\"}       contains, startswith, endswith, regex, exact; i for any case
  {\"note__isnull\": true}             whether it is there
  {\"author__name\": \"al\"}             within an object
  {\"@event_type\": \"delete\"}          what is told about it
  {\"$or\": [{…}, {…}]}                one of these; $and all, $not none
";

pub(super) const KEYS: &str = "\
Keys, in the REPL.

  Tab              complete commands, options and names
  Up, Down         earlier lines; Ctrl-R searches them
  Ctrl-C           drop the line, or stop the command that runs
  Ctrl-D           leave
  Ctrl-L           clear the screen

A line that starts with a space is not remembered.
";

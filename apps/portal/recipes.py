"""Programs a developer copies and runs as they are: curl, Python, JavaScript. Pure."""

from __future__ import annotations

from urllib.parse import quote


def query_url(broker: str, type: str) -> str:
    """Return the address of a type's first entities, names and values only."""
    return f"{broker}/ngsi-ld/v1/entities?type={quote(type, safe='')}&format=simplified&limit=3"


def stream_url(broker: str, type: str) -> str:
    """Return the address of a type's live stream, which begins with what is there."""
    return f"{broker}/ngsi-ld/ex/v1/stream?type={quote(type, safe='')}&snapshot=true"


def query_recipes(broker: str, type: str) -> dict[str, str]:
    """Return programs that print entities of a type; Python and Node need no packages."""
    url = query_url(broker, type)
    return {
        "curl": f"curl -s '{url}'",
        "Python": f"""import json
from urllib.request import urlopen

with urlopen("{url}") as answer:
    for entity in json.load(answer):
        print(entity["id"], entity)
""",
        "JavaScript": f"""fetch("{url}")
  .then((answer) => answer.json())
  .then((entities) => entities.forEach((entity) => console.log(entity.id, entity)));
""",
    }


def stream_recipes(broker: str, type: str) -> dict[str, str]:
    """Return programs that print changes of a type for as long as they run."""
    url = stream_url(broker, type)
    return {
        "curl": f"curl -N '{url}'",
        "Python": f"""from urllib.request import urlopen

with urlopen("{url}") as events:
    for line in events:
        print(line.decode().rstrip(), flush=True)
""",
        "JavaScript": f"""fetch("{url}").then(async (answer) => {{
  const events = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {{
    const {{ value, done }} = await events.read();
    if (done) break;
    console.log(value);
  }}
}});
""",
    }

"""A web page of another origin can do nothing to a local AWS that runs on the same machine."""

from __future__ import annotations

import contextlib
import http.server
import io
import json
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from playwright.sync_api import Browser

from local_aws.server import LocalAws

SECRET = "the figures of a company"
FUNCTION = "def handler(event, context):\n    return event['company']\n"
ROLE = "arn:aws:iam::123456789012:role/function"

# Every way in which a page sends requests, to every path that could erase, read, start or forge something.
ATTACK = """
async ([bases, paths]) => {
  const read = [];
  const wait = milliseconds => new Promise(done => setTimeout(done, milliseconds));
  const load = (name, attributes) => new Promise(done => {
    const element = Object.assign(document.createElement(name), attributes);
    element.onload = element.onerror = () => done(element);
    document.body.append(element);
    setTimeout(() => done(element), 2000);
  });
  const send = async (base, path) => {
    const url = base + path;
    const body = '{"data": "forged"}';
    await Promise.all([
      load('img', {src: url}).then(image => image.naturalWidth && read.push(url)),
      load('script', {src: url}),
      load('iframe', {src: url}),
      ...['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'HEAD'].flatMap(method => ['cors', 'no-cors'].map(mode =>
        fetch(url, {method, mode, body: ['GET', 'HEAD'].includes(method) ? undefined : body,
                    headers: {'Content-Type': 'text/plain'}, signal: AbortSignal.timeout(2000)})
          .then(answer => answer.text()).then(text => text && read.push(method + ' ' + url + ' ' + text))
          .catch(() => null))),
    ]);
    navigator.sendBeacon(url, body);
    const frame = await load('iframe', {name: 'frame' + Math.random()});
    for (const enctype of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data']) {
      const form = document.createElement('form');
      Object.assign(form, {action: url, method: 'POST', enctype, target: frame.name});
      const fields = {Action: 'CreateTopic', Name: 'forged', key: 'forged', file: body};
      for (const [name, value] of Object.entries(fields))
        form.append(Object.assign(document.createElement('input'), {name, value}));
      document.body.append(form);
      form.submit();
      await wait(20);
    }
    const socket = new WebSocket(url.replace('http', 'ws'));
    socket.onopen = () => read.push('WebSocket ' + url);
    socket.onmessage = message => read.push('WebSocket ' + url + message.data);
  };
  for (const base of bases) for (const path of paths) await send(base, path);
  await wait(500);
  return read;
}
"""
PATHS = [
    "/",
    "/kept",
    "/kept/secret",
    "/forged",
    "/moto-api/reset",
    "/moto-api/data.json",
    "/moto-api/recorder/start-recording",
    "/moto-api/recorder/replay-recording",
    "/2015-03-31/functions/echo/invocations",
    "/2018-06-01/runtime/invocation/next",
    "/2018-06-01/runtime/invocation/00000000-0000-0000-0000-000000000000/response",
    "/2018-06-01/runtime/init/error",
]


class Service:
    """A local AWS with something in it that is worth erasing, reading, starting and forging."""

    def __init__(self, aws: LocalAws) -> None:
        self.aws = aws
        self._session = boto3.Session("testing", "testing", region_name=aws.region)
        self.client("s3").create_bucket(
            Bucket="kept", CreateBucketConfiguration={"LocationConstraint": aws.region}
        )
        self.client("s3").put_object(Bucket="kept", Key="secret", Body=SECRET)
        self.client("iam").create_role(RoleName="function", AssumeRolePolicyDocument="{}")
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("main.py", FUNCTION)
        self.client("lambda").create_function(
            FunctionName="echo",
            Runtime="python3.12",
            Handler="main.handler",
            Role=ROLE,
            Code={"ZipFile": packed.getvalue()},
        )
        assert self.ask("first") == "first"

    def client(self, name: str) -> Any:
        return self._session.client(name, endpoint_url=self.aws.url)

    def ask(self, company: str) -> Any:
        """Return what the function answers about a company."""
        payload = json.dumps({"company": company})
        answer = self.client("lambda").invoke(FunctionName="echo", Payload=payload)
        return json.loads(answer["Payload"].read())

    def contents(self) -> dict[str, Any]:
        """Return all that a page could have changed."""
        s3, logs = self.client("s3"), self.client("logs")
        buckets = [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
        listings = [s3.list_objects_v2(Bucket=name).get("Contents", []) for name in buckets]
        events = logs.filter_log_events(logGroupName="/aws/lambda/echo")["events"]
        return {
            "buckets": buckets,
            "keys": [item["Key"] for listing in listings for item in listing],
            "secret": s3.get_object(Bucket="kept", Key="secret")["Body"].read().decode(),
            "topics": self.client("sns").list_topics()["Topics"],
            "invocations": sum(event["message"].startswith("START") for event in events),
        }


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    monkeypatch.chdir(tmp_path)  # where moto's recorder would write
    with LocalAws() as aws:
        yield Service(aws)


def open_ports() -> list[int]:
    """Return the ports on loopback that this process and its children listen on; none without /proc."""
    table = Path("/proc/net/tcp")
    if not table.exists():
        return []
    tasks = Path("/proc/self/task").iterdir()
    children = [child for task in tasks for child in (task / "children").read_text().split()]
    sockets = set()
    for process in ("self", *children):
        for link in Path(f"/proc/{process}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # closed since
                sockets.add(str(link.readlink()))
    fields = [line.split() for line in table.read_text().splitlines()[1:]]
    # Local address, state (0A: listening) and inode.
    listening = [(each[1], f"socket:[{each[9]}]") for each in fields if each[3] == "0A"]
    return [int(address.partition(":")[2], 16) for address, socket in listening if socket in sockets]


@pytest.fixture
def neighbour() -> Iterator[str]:
    """Another server on loopback: its pages are of the same site, but not of the same origin."""

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>neighbour</title>")

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("origin", ["foreign", "neighbour"])
def test_a_page_can_erase_read_start_and_forge_nothing(
    service: Service, browser: Browser, neighbour: str, origin: str, tmp_path: Path
) -> None:
    # GIVEN a page, and all ports of local AWS and of its workers
    url = neighbour if origin == "neighbour" else "http://pages.example/"
    page = browser.new_page()
    page.route(
        "http://pages.example/",
        lambda route: route.fulfill(body="<!doctype html><title>x</title>", content_type="text/html"),
    )
    page.goto(url)
    own = int(service.aws.url.rpartition(":")[2])
    strangers = {int(neighbour.rstrip("/").rpartition(":")[2])}
    ports = sorted({own, *open_ports()} - strangers)
    bases = [f"http://127.0.0.1:{port}" for port in ports] + [f"http://localhost:{own}"]
    before = service.contents()
    # WHEN it tries everything that a page can try
    read = page.evaluate(ATTACK, [bases, PATHS])
    page.close()
    # THEN it has read nothing, all is as before, and the next caller gets its own answer
    assert read == []
    assert service.contents() == before
    assert service.ask("next") == "next"
    assert list(tmp_path.iterdir()) == []

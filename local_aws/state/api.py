"""Adapter: saves and restores the contents of moto's backends, most of which can be pickled as they are."""

from __future__ import annotations

import hashlib
import importlib
import io
import pickle
import secrets
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar
from weakref import WeakValueDictionary

import moto.s3.models
import moto.s3.responses  # it keeps the class FakeKey, so it must be imported before `install`
from moto.awslambda.models import LambdaStorage
from moto.core.base_backend import BackendDict
from moto.s3.models import FakeKey, s3_backends
from moto.s3.utils import _VersionedKeyStore
from moto.ssm.models import SimpleSystemManagerBackend

from local_aws.state.errors import DamagedStateError
from local_aws.state.objects import Bodies

_OBJECT = "s3 object "
_BACKEND = "moto "
# Services for which tests prove that saved contents can be loaded. The others are checked at each save.
_PROVEN = {
    "apigateway",
    "application-autoscaling",
    "cloudwatch",
    "events",
    "firehose",
    "iam",
    "lambda",
    "logs",
    "s3",
    "sagemaker",
    "sns",
    "sqs",
    "ssm",
    "sts",
}
_LOCKS = {type(threading.Lock()): "Lock", type(threading.RLock()): "RLock"}
# Services whose name in signatures differs from the one in moto.
_SIGNED_AS = {"monitoring": "cloudwatch"}
# moto's initializers before `install`.
_STORAGE_INIT, _SSM_INIT = LambdaStorage.__init__, SimpleSystemManagerBackend.__init__
_MOST_TRIES = 5


class StoredKey(FakeKey):  # type: ignore[misc]
    """An object of S3 whose body is in a file."""

    bodies: ClassVar[Bodies]
    # Ids of the objects that changed since they were saved.
    changed: ClassVar[set[str]] = set()
    _value_buffer: Any

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.__dict__["stored_id"] = secrets.token_hex(16)
        super().__init__(*arguments, **options)
        self._value_buffer.close()  # the base class would keep the body in it
        self._value_buffer = None

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        self.changed.add(self.stored_id)

    def set_metadata(self, metadata: Any, replace: bool = False) -> None:
        """Change the metadata, which the base class does in place."""
        super().set_metadata(metadata, replace)
        self.changed.add(self.stored_id)

    @property
    def value(self) -> bytes:
        """The body."""
        return self.bodies.read(self.body_file)

    @value.setter
    def value(self, body: bytes | str) -> None:
        content = body.encode() if isinstance(body, str) else body
        self.body_file = self.bodies.write(content)
        self.contentsize = len(content)

    @property
    def etag(self) -> str:
        """The hash of the body, in quotes."""
        known: str | None = self.__dict__["_etag"]
        if known is None:
            known = self._etag = hashlib.md5(self.value, usedforsecurity=False).hexdigest()
        return f'"{known}"'

    def dispose(self, garbage: bool = False) -> None:
        """Do nothing: the file is deleted when a state without the object has been saved."""

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in vars(self).items() if key != "lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, lock=threading.Lock())


@dataclass
class Saving:
    """Blobs to write and names to drop, in one transaction.

    Attributes
    ----------
    objects
        All objects of S3 by id; None if S3 is not saved.
    references
        The ids of the objects that each object refers to.
    """

    blobs: dict[str, bytes] = field(default_factory=dict)
    dropped: set[str] = field(default_factory=set)
    objects: dict[str, StoredKey] | None = None
    references: dict[str, set[str]] = field(default_factory=dict)


class MotoResources:
    """All resources that moto stores, as blobs by name.

    Parameters
    ----------
    bodies : Bodies
        Files for the bodies of S3 objects.
    """

    def __init__(self, bodies: Bodies) -> None:
        self._bodies = bodies
        # What was saved last of S3's objects, by id: the file of the body, and the objects that it refers to.
        self._files: dict[str, str] = {}
        self._references: dict[str, set[str]] = {}

    def install(self) -> None:
        """Make moto create what can be saved; call this before moto's backends are created."""
        StoredKey.bodies, StoredKey.changed = self._bodies, set()
        moto.s3.models.FakeKey = StoredKey
        LambdaStorage.__init__ = _init_storage
        SimpleSystemManagerBackend.__init__ = _init_ssm

    @staticmethod
    def uninstall() -> None:
        """Make moto create its own objects again."""
        moto.s3.models.FakeKey = FakeKey
        LambdaStorage.__init__ = _STORAGE_INIT
        SimpleSystemManagerBackend.__init__ = _SSM_INIT

    def collect(self, services: Iterable[str] | None) -> Saving:
        """Return what has to be saved of the given services, or of all; names are those in signatures.

        Raises
        ------
        NotImplementedError
            If a service cannot be saved.
        """
        saving = Saving()
        found: dict[str, StoredKey] = {}
        for name, service, backend in _backends(services):
            blob, objects = _dumped_service(service, backend)
            saving.blobs[name] = blob
            if service == "s3":
                found.update(objects)
                saving.objects = {}
        if saving.objects is not None:
            self._collect_objects(found, saving.objects, saving)
        return saving

    def saved(self, saving: Saving) -> None:
        """Delete the files that nothing refers to any more; call this after the transaction."""
        if saving.objects is None:
            return
        files = {key: stored.body_file for key, stored in saving.objects.items()}
        StoredKey.changed.clear()
        self._bodies.delete(set(self._files.values()) - set(files.values()))
        self._files, self._references = files, saving.references

    def _collect_objects(
        self, waiting: dict[str, StoredKey], objects: dict[str, StoredKey], saving: Saving
    ) -> None:
        """Collect the objects that can be reached; those that did not change are not written again."""
        while waiting:
            key, stored = waiting.popitem()
            if key in objects:
                continue
            objects[key] = stored
            if key in self._references and key not in StoredKey.changed and not self._references[key]:
                saving.references[key] = set()
                continue
            blob, inner = _dumped(vars(stored), without="lock")
            saving.blobs[_OBJECT + key] = blob
            saving.references[key] = set(inner)
            waiting.update(inner)
        saving.dropped.update(_OBJECT + key for key in self._references.keys() - objects.keys())

    def load(self, blobs: Mapping[str, bytes]) -> list[Any]:
        """Read blobs without changing anything in moto; return what `restore` takes.

        Raises
        ------
        DamagedStateError
            If a body is missing.
        """
        objects = {
            name.removeprefix(_OBJECT): StoredKey.__new__(StoredKey)
            for name in blobs
            if name.startswith(_OBJECT)
        }
        for key, stored in objects.items():
            state, references = _loaded(blobs[_OBJECT + key], objects)
            stored.__setstate__(state)
            self._references[key] = references
            self._files[key] = stored.body_file
        self._bodies.keep_only({each.body_file: each.contentsize for each in objects.values()})
        return [
            (name, _loaded(blob, objects)[0]) for name, blob in blobs.items() if name.startswith(_BACKEND)
        ]

    @staticmethod
    def restore(loaded: Iterable[tuple[str, Any]]) -> None:
        """Replace moto's backends by those that were loaded."""
        for name, backend in loaded:
            module_name, class_name, account, region = name.removeprefix(_BACKEND).split("/")
            module = importlib.import_module(module_name)
            kind = getattr(module, class_name)
            by_account = (each for each in vars(module).values() if isinstance(each, BackendDict))
            found = next(each for each in by_account if each.backend is kind)
            found[account][region] = backend
        for account, by_region in s3_backends.items():
            for partition, backend in by_region.items():
                for bucket in backend.buckets:
                    s3_backends.bucket_accounts[bucket] = (partition, account)


def _backends(services: Iterable[str] | None) -> Iterator[tuple[str, str, Any]]:
    """Yield moto's backends of the given services, or of all, each with its name and its service."""
    wanted = None if services is None else {_SIGNED_AS.get(each, each) for each in services}
    present = {each.service_name for each in BackendDict._instances}
    if wanted is not None and not wanted <= present:
        wanted = None  # such as the service that tags resources of others
    for by_account in list(BackendDict._instances):
        if wanted is None or by_account.service_name in wanted:
            for account, region, backend in list(by_account.iter_backends()):
                kind = type(backend)
                name = f"{_BACKEND}{kind.__module__}/{kind.__name__}/{account}/{region}"
                yield name, by_account.service_name, backend


class _Pickler(pickle.Pickler):
    """Replaces S3 objects by their ids and locks by new ones."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file, protocol=5)
        self.objects: dict[str, StoredKey] = {}

    def persistent_id(self, value: Any) -> tuple[str, str] | None:
        kind = type(value)
        if kind is StoredKey:
            self.objects[value.stored_id] = value
            return "object", value.stored_id
        return ("lock", _LOCKS[kind]) if kind in _LOCKS else None

    def reducer_override(self, value: Any) -> Any:
        if type(value) is WeakValueDictionary:
            return _weak, (dict(value),)
        if type(value) is _VersionedKeyStore:
            return _versions, (dict(value.lists()),)  # pickle would see only the newest version of each key
        if isinstance(value, defaultdict) and type(value) is not defaultdict:
            # pickle would call its class with the factory.
            return _with_factory, (type(value), value.default_factory, dict(value), vars(value))
        return NotImplemented


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, objects: Mapping[str, StoredKey]) -> None:
        super().__init__(file)
        self._objects = objects
        self.used: set[str] = set()

    def persistent_load(self, identifier: tuple[str, str]) -> Any:
        kind, value = identifier
        if kind == "lock":
            return getattr(threading, value)()
        if value not in self._objects:
            raise DamagedStateError(f"the S3 object {value} is missing")
        self.used.add(value)
        return self._objects[value]


def _dumped_service(service: str, backend: Any) -> tuple[bytes, dict[str, StoredKey]]:
    for attempt in range(_MOST_TRIES):
        try:
            return _dumped(backend) if service in _PROVEN else _proven(backend)
        except RuntimeError:
            # A request that takes no lock, such as ReceiveMessage, changed the backend meanwhile.
            if attempt == _MOST_TRIES - 1:
                raise
        except (AttributeError, TypeError, pickle.PicklingError) as error:
            raise NotImplementedError(f"with --state, because {service} cannot be saved: {error}") from error
    raise AssertionError


def _proven(backend: Any) -> tuple[bytes, dict[str, StoredKey]]:
    """Return what `_dumped` does, after trying to load it."""
    blob, objects = _dumped(backend)
    _loaded(blob, objects)
    return blob, objects


def _dumped(value: Any, without: str = "") -> tuple[bytes, dict[str, StoredKey]]:
    """Return the pickle of a value and the S3 objects that it refers to."""
    file = io.BytesIO()
    pickler = _Pickler(file)
    pickler.dump({key: each for key, each in value.items() if key != without} if without else value)
    return file.getvalue(), pickler.objects


def _loaded(blob: bytes, objects: Mapping[str, StoredKey]) -> tuple[Any, set[str]]:
    unpickler = _Unpickler(io.BytesIO(blob), objects)
    return unpickler.load(), unpickler.used


def dumped(value: Any) -> bytes:
    """Return the pickle of a value that is not moto's."""
    return _dumped(value)[0]


def loaded(blob: bytes) -> Any:
    """Return the value of a pickle that is not moto's."""
    return _loaded(blob, {})[0]


def _weak(items: Mapping[Any, Any]) -> WeakValueDictionary[Any, Any]:
    return WeakValueDictionary(items)


def _versions(lists: Mapping[str, list[Any]]) -> _VersionedKeyStore:
    store = _VersionedKeyStore()
    dict.update(store, lists)
    return store


def _with_factory(
    kind: Any, factory: Any, items: Mapping[Any, Any], attributes: Mapping[str, Any]
) -> defaultdict[Any, Any]:
    made: defaultdict[Any, Any] = kind.__new__(kind)
    defaultdict.__init__(made, factory, items)
    made.__dict__.update(attributes)
    return made


def _init_storage(storage: Any, *arguments: Any, **options: Any) -> None:
    """Initialize a store of functions without the lambda that pickle rejects."""
    _STORAGE_INIT(storage, *arguments, **options)
    storage._aliases = defaultdict(dict)


def _init_ssm(backend: Any, *arguments: Any, **options: Any) -> None:
    """Do the same for the store of parameters."""
    _SSM_INIT(backend, *arguments, **options)
    backend._resource_tags = defaultdict(_two_levels)


def _two_levels() -> defaultdict[Any, Any]:
    return defaultdict(dict)

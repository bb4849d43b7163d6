import os
import subprocess
import sys
import time

import orjson
import pytest

from synthgen.core.errors import RunLocked
from synthgen.store import lock as lock_module
from synthgen.store.lock import RunLock

HOLD = (
    "import sys,time;from pathlib import Path;from synthgen.store.lock import RunLock\nwith "
    "RunLock(Path(sys.argv[1])):\n print('held',flush=True);time.sleep(60)"
)


def hold(folder):
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(folder)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    return process


def test_a_live_process_keeps_the_run_to_itself(tmp_path):
    process = hold(tmp_path)
    try:
        with pytest.raises(RunLocked) as caught, RunLock(tmp_path):
            pass
        assert str(process.pid) in str(caught.value)
        assert caught.value.exit_code == 5
    finally:
        process.kill()
        process.wait()


def test_a_killed_process_frees_the_run(tmp_path):
    process = hold(tmp_path)
    process.kill()
    process.wait()
    with RunLock(tmp_path) as lock:
        assert lock.fence == 2
        lock.check()
    assert not (tmp_path / ".lock").exists()


def test_another_host_is_believed_until_its_heartbeat_is_old(tmp_path):
    entry = {"host": "another host", "pid": 1, "born": "", "heartbeat": time.time(), "fence": 7}
    (tmp_path / ".lock").write_bytes(orjson.dumps(entry))
    (tmp_path / ".fence").write_text("7")
    with pytest.raises(RunLocked), RunLock(tmp_path):
        pass
    (tmp_path / ".lock").write_bytes(
        orjson.dumps({**entry, "heartbeat": time.time() - lock_module.STALE_SECONDS - 1})
    )
    with RunLock(tmp_path) as lock:
        assert lock.fence == 8


def test_a_container_with_the_same_host_name_is_another_machine(tmp_path):
    """Its process ids are its own: that this one has no such process, or another one, tells nothing."""
    with RunLock(tmp_path):
        entry = orjson.loads((tmp_path / ".lock").read_bytes())
    entry |= {"machine": "0" * 8, "pid": 1, "born": "1", "heartbeat": time.time()}
    (tmp_path / ".lock").write_bytes(orjson.dumps(entry))
    with pytest.raises(RunLocked), RunLock(tmp_path):
        pass
    entry["heartbeat"] = time.time() - lock_module.STALE_SECONDS - 1
    (tmp_path / ".lock").write_bytes(orjson.dumps(entry))
    with RunLock(tmp_path) as lock:
        ours = orjson.loads((tmp_path / ".lock").read_bytes())
        assert lock.held()
        (tmp_path / ".lock").write_bytes(orjson.dumps({**ours, "machine": "0" * 8}))
        assert not lock.held(), "a process there may have the same id and number"


def test_who_lost_the_lock_may_not_publish(tmp_path):
    with RunLock(tmp_path) as lock:
        taken = orjson.loads((tmp_path / ".lock").read_bytes())
        (tmp_path / ".lock").write_bytes(
            orjson.dumps({**taken, "host": "another host", "pid": os.getpid() + 1, "fence": lock.fence + 1})
        )
        with pytest.raises(RunLocked):
            lock.check()
    assert (tmp_path / ".lock").exists()  # it is the other's now


def test_a_lock_of_garbage_is_stale(tmp_path):
    (tmp_path / ".lock").write_text("{not json")
    with RunLock(tmp_path):
        pass


def test_the_heartbeat_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(lock_module, "HEARTBEAT_SECONDS", 0.01)
    with RunLock(tmp_path):
        first = orjson.loads((tmp_path / ".lock").read_bytes())["heartbeat"]
        for _ in range(500):
            if orjson.loads((tmp_path / ".lock").read_bytes())["heartbeat"] > first:
                break
            time.sleep(0.01)
        else:
            pytest.fail("no heartbeat")

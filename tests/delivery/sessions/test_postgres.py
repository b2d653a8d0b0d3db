"""Optuna's studies in one PostgreSQL database, through the command line."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from benchmarks._fault_study import wait_until
from benchmarks._programs import free_port, serving
from foundation.errors import UserError
from foundation.secrets import redacted
from search_spaces.draft import from_dict
from tuning.algorithms.optuna_storage import check_database, database_url, open_study, with_study_name

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    """The address of an empty database of a server that is started here."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not programs:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))  # its user may not enter pytest's folders
    as_user: list[str] = []
    if os.geteuid() == 0:  # it does not run as root
        os.chown(folder, pwd.getpwnam("postgres").pw_uid, -1)
        as_user = ["runuser", "-u", "postgres", "--"]
    port = free_port()
    data = folder / "data"
    init = ["--auth=trust", "--username=kotune", "--no-sync"]
    subprocess.run([*as_user, programs[-1] / "initdb", "-D", data, *init], check=True, capture_output=True)
    listens = ["-p", str(port), "-h", "127.0.0.1", "-k", str(folder)]
    address = f"postgresql://kotune@127.0.0.1:{port}/postgres"
    try:
        with serving([*as_user, programs[-1] / "postgres", "-D", data, *listens], port):
            space = from_dict({"optuna_storage": address}, "test")
            assert wait_until(lambda: _answers(space), 30) is not None
            yield address
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _answers(space: object) -> bool:
    try:
        check_database(space)  # type: ignore[arg-type]
    except UserError:
        return False
    return True


def command(*arguments: object) -> list[str]:
    """Of kotune."""
    return [sys.executable, str(ROOT / "cli.py"), *map(str, arguments)]


@pytest.mark.ray
@pytest.mark.timeout(280)
def test_two_studies_at_once(database: str, tmp_path: Path) -> None:
    """One is killed and goes on; neither hears of the other's trials, though they have one name."""
    quick = ["--trials", "4", "--set", "num_train_epochs=3", "--set", "vocabulary=1000", "--set", "wandb.mode=disabled"]
    quick += ["--slots", "1", "--optuna-storage", database]
    drivers = []
    for place in ("one", "two"):
        wanted = command("tune", "cnn", "--study", "s", "--storage", tmp_path / place, *quick)
        drivers.append(subprocess.Popen(wanted, cwd=tmp_path, stdout=subprocess.DEVNULL))
    record = tmp_path / "one" / "s" / "trials" / "s-0000" / "trial.json"
    assert wait_until(lambda: record.is_file() and json.loads(record.read_text())["results"], 120) is not None
    drivers[0].kill()
    drivers[0].wait()
    done = subprocess.run(command("resume", "s", "--storage", tmp_path / "one", "--json"), cwd=tmp_path, stdout=-1)
    assert done.returncode == 0
    assert drivers[1].wait(200) == 0
    assert json.loads(done.stdout)["trials"]["total"] == 4
    url = database_url(database)
    names = optuna.get_all_study_names(url)
    assert len(names) == 2
    for name in names:
        trials = optuna.load_study(study_name=name, storage=url).get_trials(deepcopy=False)
        ours = [trial for trial in trials if trial.user_attrs.get("trial_id")]  # others were asked for, and never begun
        assert sorted(trial.user_attrs["trial_id"] for trial in ours) == [f"s-000{number}" for number in range(4)]
        assert {trial.state for trial in ours} <= {TrialState.COMPLETE, TrialState.PRUNED}
    assert not (tmp_path / "one" / "s" / "optuna.db").exists()


def test_a_name_of_its_own(database: str, tmp_path: Path) -> None:
    """A study that was deleted and is made anew learns nothing from the one before; a name that is taken is refused."""
    space = from_dict({"optuna_storage": database, "mode": "max"}, "test")
    first, second = with_study_name(space, "s"), with_study_name(space, "s")
    assert first.optuna_study != second.optuna_study
    assert with_study_name(first, "s") == first
    open_study(tmp_path / "optuna.db", first, "here").add_trial(optuna.create_trial(value=1.0))
    assert len(open_study(tmp_path / "optuna.db", first, "here").get_trials()) == 1
    assert not open_study(tmp_path / "optuna.db", second, "here").get_trials()
    assert open_study(tmp_path / "optuna.db", first, "here").user_attrs["address"] == "here"
    with pytest.raises(UserError, match="belongs to the study in here"):
        open_study(tmp_path / "optuna.db", first, "elsewhere")
    check_database(first)
    with pytest.raises(UserError, match="already"):
        check_database(first, new=True)


def test_nobody_is_told_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that asks for it as it is hears nothing: a study that somebody else made may name it."""
    pytest.importorskip("psycopg")
    monkeypatch.setenv("PGPASSWORD", "very secret")
    heard = bytearray()

    def serve(listener: socket.socket) -> None:
        with listener.accept()[0] as client:
            client.settimeout(5.0)
            client.recv(8)  # whether it may be encrypted
            client.sendall(b"N")
            client.recv(4096)  # who it is
            client.sendall(b"R" + (8).to_bytes(4, "big") + (3).to_bytes(4, "big"))  # AuthenticationCleartextPassword
            while piece := client.recv(4096):
                heard.extend(piece)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=[listener])
        thread.start()
        address = f"postgresql://127.0.0.1:{listener.getsockname()[1]}/db?user=me"
        with pytest.raises(UserError, match="authentication"):
            check_database(from_dict({"optuna_storage": address}, "test"))
        thread.join(10)
    assert not heard


def test_a_database_that_cannot_be_reached() -> None:
    """Found before anything is started."""
    with pytest.raises(UserError, match="a database that answers"):
        check_database(from_dict({"optuna_storage": "postgresql://127.0.0.1:1/db?user=me"}, "test"))


@pytest.mark.parametrize(
    "address", ["mysql://me@here/db", "postgresql://me:secret@here/db", "postgresql://here?password=secret"]
)
def test_an_address_that_is_none(address: str) -> None:
    """A password is kept, and shown, nowhere."""
    with pytest.raises(UserError, match="PGPASSWORD") as caught:
        from_dict({"optuna_storage": address}, "test")
    assert "secret" not in str(caught.value)


def test_a_user_is_kept_where_nothing_is_hidden() -> None:
    """What stands before an @ may be a token."""
    space = from_dict({"optuna_storage": "postgresql://me@here:5433/db"}, "test")
    assert space.optuna_storage == "postgresql://here:5433/db?user=me"
    assert from_dict(redacted(space.to_dict()), "test") == space

"""One round of everything at once: applications write, commands of all kinds work on one repository, some of
them are killed or stopped, and the store, where it is one of S3, is chaotic. What was acknowledged must be
there in the calm that follows, and what is garbage must go."""

import json
import pathlib
import random
import signal
import subprocess
import sys
import threading
import time

import ledger
import one_round
import site_of_round as places
from applications import Application
from one_round import WARNINGS, Failed

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "services"))

import s3_faults  # noqa: E402
import s3_service  # noqa: E402

# Ends that chaos excuses: the work was not done, and the command says so.
INTERRUPTED, SNAPSHOT_MISSING, LAST_KEY, KEY_MISSING = 5, 15, 17, 18
BUSY, HOT_JOURNAL, CHANGED = 33, 34, 36
IO, UNAVAILABLE, SUSPICIOUS, PRUNE_RUNNING, INTENT_LOST = 42, 45, 49, 50, 51
EXCUSED = {0, INTERRUPTED, WARNINGS, BUSY, HOT_JOURNAL, CHANGED, IO, UNAVAILABLE, SUSPICIOUS,
           PRUNE_RUNNING, INTENT_LOST}
DAMAGED = {20, 21, 22, 23, 24}  # excused only where bits are flipped on the way
MOST_FLIPPED = 0.05
WRONG_PASSPHRASE = 13
LAGGING, LAG = 0.1, 1  # share of the rounds whose listings are behind, and how many seconds
LEAP = 660  # seconds: longer than an intent may go without a heartbeat, less than AWS lets clocks differ


class Promises:
    """What commands have acknowledged. Thread safe."""

    def __init__(self):
        self.mutex = threading.Lock()
        self.snapshots = {}  # id: {database: (first transaction it may be of, last one)}
        self.doubtful = set()  # whose removal was begun, and nobody knows how it ended
        self.forgotten = set()  # gone for good
        self.keys = {}  # passphrase: id of its key; None where nobody said it
        self.lost_keys = set()  # passphrases whose keys were removed, or may have been

    def standing(self):
        with self.mutex:
            return sorted(set(self.snapshots) - self.doubtful - self.forgotten)


class Hand:
    """Gives one command after another, and kills or stops some of them."""

    def __init__(self, round_of_chaos, number):
        self.round = round_of_chaos
        self.name = f"hand-{number}"
        self.random = random.Random(f"{round_of_chaos.seed}/{number}")
        self.folder = round_of_chaos.site.folder / self.name
        self.folder.mkdir()
        self.failure = None
        self.thread = threading.Thread(target=self.work)

    def work(self):
        try:
            while not self.round.ending.is_set():
                weights = {self.backup: 8, self.forget: 4, self.prune: 4, self.restore: 4, self.verify: 2,
                           self.add_key: 1, self.remove_key: 1, self.look: 2}
                self.random.choices(list(weights), list(weights.values()))[0]()
        except (Failed, ledger.Wrong) as reason:
            self.failure = str(reason)
        except Exception as reason:  # of this test; a thread must not end without a word
            self.failure = f"{type(reason).__name__}: {reason}"

    def run(self, *words, more=(), **variables):
        """(status, JSON or None); the status is None where it was killed."""
        self.round.count("commands")
        environment = {**self.round.site.environment, **variables}
        process = subprocess.Popen(
            [self.round.site.program, *map(str, words), "--json"], cwd=self.folder, env=environment,
            text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        fate = self.random.random()
        killer = None
        if fate < 0.25:
            killer = threading.Timer(self.random.expovariate(4), process.kill)
        elif fate < 0.33:
            killer = threading.Timer(self.random.expovariate(10), self.pause, [process])
        if killer:
            killer.start()
        try:
            out, err = process.communicate(timeout=self.round.options.patience)
        except subprocess.TimeoutExpired:
            process.kill()
            _, err = process.communicate()
            raise Failed(f"{self.name}: {words} went on for more than {self.round.options.patience} s: "
                         f"{err[-1500:]}") from None
        finally:
            if killer:
                killer.cancel()
                killer.join()
        status = process.returncode
        self.round.tell(f"{self.name}: {' '.join(map(str, words))}: {status}")
        if status == -signal.SIGKILL:
            self.round.count("killed")
            return None, None
        excused = EXCUSED | set(more) | (DAMAGED if self.round.flips else set())
        if status not in excused:
            raise Failed(f"{self.name}: {words} ended with {status}: {out[-1500:]}{err[-1500:]}")
        return status, json.loads(out) if out.startswith(("{", "[")) else None

    def pause(self, process):
        """As a machine that is suspended; while it sleeps, the store's clock may go far ahead."""
        try:
            process.send_signal(signal.SIGSTOP)
            time.sleep(self.random.uniform(0.2, 1.5))
        finally:
            process.send_signal(signal.SIGCONT)

    # -- commands -------------------------------------------------------------------------------

    def backup(self):
        chosen = self.random.sample(self.round.applications,
                                    self.random.randint(1, len(self.round.applications)))
        before = {one.name: one.last_ended() for one in chosen}
        status, said = self.run("backup", *(one.path for one in chosen))
        if status not in (0, WARNINGS):
            return
        bounds = {one.name: (before[one.name], one.last_begun()) for one in chosen}
        with self.round.promises.mutex:
            self.round.promises.snapshots[said["snapshot"]] = bounds
        self.round.count("snapshots")

    def forget(self):
        standing = self.round.promises.standing()
        if len(standing) < 4:
            return
        chosen = self.random.sample(standing, self.random.randint(1, len(standing) // 2))
        promises = self.round.promises
        with promises.mutex:
            promises.doubtful.update(chosen)
        words = ["forget", *chosen, "--yes"]
        if self.random.random() < 0.4:
            words.append("--prune")
        status, _ = self.run(*words, more={SNAPSHOT_MISSING})
        if status == 0:
            with promises.mutex:
                promises.forgotten.update(chosen)

    def prune(self):
        self.run("prune", *self.random.choice(((), ("--max-unused", "0"), ("--dry-run",))))

    def restore(self):
        standing = self.round.promises.standing()
        if not standing:
            return
        chosen = self.random.choice(standing)
        self.restored(chosen, *self.run_restore(chosen))

    def run_restore(self, chosen):
        name = self.random.choice(sorted(self.round.promises.snapshots[chosen]))
        target = self.folder / "restored"
        forget_file(target)
        status, _ = self.run("restore", chosen, "--database", name, "--to", target, "--yes",
                             more={SNAPSHOT_MISSING})
        return status, name, target

    def restored(self, chosen, status, name, target):
        if status == SNAPSHOT_MISSING and chosen in self.round.promises.standing():
            raise Failed(f"{self.name}: snapshot {chosen} was acknowledged, and is missing")
        if status in (0, WARNINGS):
            self.round.prove_snapshot(chosen, name, target)

    def verify(self):
        words = self.random.choice((("verify",), ("verify", "--all"), ("verify", "--read-data")))
        self.run(*words, more={SNAPSHOT_MISSING})

    def look(self):
        self.run(*self.random.choice((("snapshots",), ("stats",), ("key", "list"), ("log",))))

    def add_key(self):
        passphrase = f"{self.name} {self.random.getrandbits(64):x}"
        promises = self.round.promises
        status, said = self.run("key", "add", HOLDFAST_NEW_PASSPHRASE=passphrase)
        if status == 0:
            with promises.mutex:
                promises.keys[passphrase] = said["added"]["id"]

    def remove_key(self):
        promises = self.round.promises
        with promises.mutex:
            if not promises.keys:
                return
            passphrase, key = self.random.choice(sorted(promises.keys.items()))
            del promises.keys[passphrase]
        status, _ = self.run("key", "remove", key, more={LAST_KEY, KEY_MISSING})
        if status == 0:
            with promises.mutex:
                promises.lost_keys.add(passphrase)


def forget_file(path):
    for ending in ("", "-wal", "-shm", "-journal"):
        pathlib.Path(f"{path}{ending}").unlink(missing_ok=True)


class StoredApplication(Application):
    """Knows between which transactions a snapshot must lie."""

    def last_ended(self):
        commits = self.commits()
        return max((commits.numbers[chained] for chained in commits.ended), default=0)

    def last_begun(self):
        return max(self.commits().numbers.values(), default=0)


class StoreRound(one_round.Round):
    def __init__(self, seed, program, options):
        super().__init__(seed, program, options)
        self.site.library = None  # the faults are in the store
        self.mutex = threading.Lock()
        self.figures |= {"snapshots": 0, "commands": 0, "killed": 0, "faults": 0}
        self.promises = Promises()
        self.ending = threading.Event()
        self.hands = []
        self.service = None  # the repository is in a folder
        self.longer = 1
        if options.store == "s3":
            self.service = s3_service.Service(self.site.folder, seed=seed)
            self.site.environment |= {
                "HOLDFAST_REPO": "s3://holdfast/repository",
                "AWS_ENDPOINT_URL": self.service.endpoint,
                "AWS_ACCESS_KEY_ID": s3_service.ACCESS_KEY,
                "AWS_SECRET_ACCESS_KEY": s3_service.SECRET,
                "AWS_REGION": s3_service.REGION,
            }
            if random.Random(f"{seed}/listings").random() < LAGGING:
                self.lag_behind()
        self.replicates = self.random.random() < 0.6
        self.leaps = self.random.random() < 0.3
        self.flips = False  # whether bits were ever flipped

    def lag_behind(self):
        """Listings are as old as the place says; it takes a while to get something done."""
        self.service.control(stale_seconds=0.9 * LAG)
        self.site.environment["HOLDFAST_REPO"] += f"?listing-lag={LAG}"
        self.longer = 4

    def count(self, name):
        with self.mutex:
            self.figures[name] += 1

    def tell(self, text):
        with self.mutex:
            super().tell(text)

    # -- before ---------------------------------------------------------------------------------

    def prepare(self):
        status, said = self.site.run("init", "--json")
        if status:
            raise Failed(f"init ended with {status}: {said}")
        names = ["one", "two"][:self.random.choice((1, 2))]
        self.applications = [StoredApplication(self.site, name, self.random) for name in names]
        paths = [application.path for application in self.applications]
        self.first = places.Replicator(self.site, "first", paths, self.random)
        self.second = places.Replicator(self.site, "second", paths, self.random)
        self.disturbed_at = float("-inf")
        for application in self.applications:
            self.tell(f"{application.name}: {application.settings}")
            application.start()
        if self.replicates:
            self.first.start()
        self.hands = [Hand(self, number) for number in range(self.random.choice((1, 2, 3)))]
        for hand in self.hands:
            hand.thread.start()

    # -- meanwhile ------------------------------------------------------------------------------

    def faulty(self):
        kinds = self.random.sample(s3_faults.KINDS, self.random.choice((1, 2, 4, len(s3_faults.KINDS))))
        most = self.random.choice((0.02, 0.1, 0.3)) / len(kinds) ** 0.5
        rates = {kind: round(self.random.uniform(0, most), 3) for kind in kinds}
        rates["flipped"] = min(rates.get("flipped", 0), MOST_FLIPPED)
        self.flips = self.flips or rates["flipped"] > 0
        self.tell(f"  {rates}")
        self.service.control(rates=rates)
        self.wait(self.length() + 0.5, disturbed=True)
        if self.random.random() < 0.5:
            self.service.calm()

    def unreachable(self):
        self.service.control(unreachable=True)
        self.wait(self.length(), disturbed=True)
        self.service.control(unreachable=False)

    def leap(self):
        """The store's clock goes ahead, so that whoever is at work seems to have slept."""
        if self.leaps:
            self.leaps = False
            self.service.control(clock=LEAP)

    def disturb(self):
        weights = {self.application_killed: 2, self.application_restarted: 2}
        if self.service:
            weights |= {self.faulty: 20, self.unreachable: 4, self.leap: 4}
        if self.replicates:
            weights |= {self.killed: 6, self.stopped: 3, self.ended_and_started: 2}
        what = self.random.choices(list(weights), list(weights.values()))[0]
        self.tell(what.__name__)
        what()
        self.look_at_hands()

    def ended_and_started(self):
        if self.service:
            self.service.calm()  # to end in good order, it must reach the store
        super().ended_and_started()

    def look_at_hands(self):
        for hand in self.hands:
            if hand.failure:
                raise Failed(hand.failure)

    # -- afterwards -----------------------------------------------------------------------------

    def settle(self):
        if self.service:
            self.figures["faults"] = sum(self.service.calm()["faults"].values())
        self.ending.set()
        for hand in self.hands:
            hand.thread.join()
        self.look_at_hands()
        if self.options.lose:
            self.lose(self.options.lose)
        super().settle()

    def lose(self, folder):
        """An object there that is in use, as no store should."""
        if not self.promises.standing():
            before = {one.name: one.last_ended() for one in self.applications}
            snapshot = self.calmly("backup", *(one.path for one in self.applications))["snapshot"]
            self.promises.snapshots[snapshot] = {
                one.name: (before[one.name], one.last_begun()) for one in self.applications}
        self.calmly("prune", "--max-unused", "0")
        standing = set(self.promises.standing())
        objects = [one for one in self.objects(folder)
                   if folder != "snapshots" or pathlib.Path(one).name in standing]
        lost = random.Random(self.seed).choice(objects)
        if self.service:
            self.service.control(lose=lost)
        else:
            lost.unlink()
        self.tell(f"lost {lost}")

    def converge(self, deadline):
        if self.replicates:
            super().converge(deadline)

    def prove_snapshot(self, snapshot, name, path):
        application = next(one for one in self.applications if one.name == name)
        with self.mutex:
            self.figures["restored"] += 1
        try:
            state = ledger.prove(path, application.commits())
        except ledger.Wrong as wrong:
            raise Failed(f"{name} of snapshot {snapshot}: {wrong}") from wrong
        first, last = self.promises.snapshots[snapshot][name]
        if not first <= state.number <= last:
            raise Failed(f"{name} of snapshot {snapshot} is transaction {state.number}; when it was "
                         f"taken, the database had between {first} and {last}")

    def calmly(self, *words, **variables):
        """The JSON of a command that must do what it is asked."""
        environment = {**self.site.environment, **variables}
        done = subprocess.run([self.site.program, *map(str, words), "--json"], cwd=self.site.folder,
                              env=environment, text=True, stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=self.options.patience, check=False)
        if done.returncode:
            raise Failed(f"in calm {words} ended with {done.returncode}: {done.stdout[-3000:]}"
                         f"{done.stderr[-1500:]}")
        return json.loads(done.stdout)

    def check_snapshots(self):
        listed = {one["id"] for one in self.calmly("snapshots")}
        standing = self.promises.standing()
        lost = sorted(set(standing) - listed)
        if lost:
            raise Failed(f"snapshots that were acknowledged are missing: {lost}")
        back = sorted(self.promises.forgotten & listed)
        if back:
            raise Failed(f"snapshots that were forgotten are back: {back}")
        # Of the others, `verify` proves below that they would restore.
        chosen = self.random.sample(standing, min(len(standing), 4 * self.options.restores))
        for snapshot in chosen:
            for name in self.promises.snapshots[snapshot]:
                target = self.site.folder / f"{name}-snapshot"
                forget_file(target)
                self.calmly("restore", snapshot, "--database", name, "--to", target, "--yes")
                self.prove_snapshot(snapshot, name, target)

    def check_keys(self):
        for passphrase in self.promises.keys:
            self.calmly("key", "list", HOLDFAST_PASSPHRASE=passphrase, HOLDFAST_KEY_CACHE="off")
        for passphrase in self.promises.lost_keys:
            environment = {**self.site.environment, "HOLDFAST_PASSPHRASE": passphrase,
                           "HOLDFAST_KEY_CACHE": "off"}
            done = subprocess.run([self.site.program, "key", "list"], env=environment, check=False,
                                  cwd=self.site.folder, capture_output=True, text=True)
            if done.returncode != WRONG_PASSPHRASE:
                raise Failed(f"a key that was removed opens the repository: {done}")

    def objects(self, folder):
        if not self.service:
            return [path for path in (self.site.repository / folder).rglob("*") if path.is_file()]
        return [name for name in self.service.objects() if name.startswith(f"repository/{folder}/")]

    def check_garbage(self):
        """Every pack is one that the repository knows, and a prune leaves nothing for a second one; where
        there are no timelines, nothing is left when every snapshot has gone."""
        self.calmly("prune", "--max-unused", "0")
        proof = self.calmly("verify", "--all", "--read-data")
        if not proof["ok"] or proof["packs"] != len(self.objects("packs")):
            raise Failed(f"{len(self.objects('packs'))} packs in the store, and {proof}")
        proved = {one["id"] for one in proof["snapshots"] if one["restorable"]}
        if set(self.promises.standing()) - proved:
            raise Failed(f"not all that was acknowledged is proved: {proof}")
        again = self.calmly("prune", "--max-unused", "0")
        if again["packs_removed"] or again["bytes_freed"]:
            raise Failed(f"a second prune found garbage: {again}")
        if self.objects("condemned"):
            raise Failed(f"condemned objects are left: {self.objects('condemned')}")
        if self.replicates:
            return
        listed = [one["id"] for one in self.calmly("snapshots")]
        if listed:
            self.calmly("forget", *listed, "--yes")
        self.calmly("prune", "--max-unused", "0")
        for folder in ("packs", "snapshots", "condemned"):
            if self.objects(folder):
                raise Failed(f"garbage is left: {self.objects(folder)}")

    def play(self):
        self.prepare()
        end = time.monotonic() + self.longer * self.options.seconds
        while time.monotonic() < end:
            self.disturb()
            self.calm_since = time.monotonic()
            self.wait(self.random.choice((0.02, 0.3)) * self.random.uniform(0.5, 1.5))
        self.tell("settle")
        self.settle()
        if self.replicates:
            for application in self.applications:
                self.check_positions(application)
        self.check_applications()
        self.check_ends()
        self.check_snapshots()
        self.check_keys()
        self.check_garbage()

    def check_ends(self):
        self.figures["restarts"] = self.first.starts
        for status, _, said in self.first.ends:
            if status not in EXCUSED | (DAMAGED if self.flips else set()):
                raise Failed(f"it ended by itself with {status}: {said}")

    def finish(self):
        self.ending.set()
        for hand in self.hands:
            hand.thread.join()
        super().finish()
        if self.service:
            self.service.stop()

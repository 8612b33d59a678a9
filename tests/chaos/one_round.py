"""One round: applications write, everything that can happen to them and to us happens, and then every
state that is asked for must be exactly one that was committed."""

import datetime
import errno
import pathlib
import random
import signal
import time

import ledger
import site_of_round as places
from applications import Application

INTERNAL, UNHEALTHY, WARNINGS, INTERRUPTED, POSITION_MISSING = 1, 6, 3, 5, 19


class Failed(Exception):
    pass


class Round:
    def __init__(self, seed, program, options):
        self.seed = seed
        self.options = options
        self.random = random.Random(seed)
        self.site = places.Site(program)
        self.story = []  # what was done, and when
        self.begun = time.monotonic()
        self.clock_jumped = False
        self.stops = []  # of the first Holdfast: from when to when
        self.figures = {"commits": 0, "acknowledged": 0, "restored": 0, "busy": 0, "restarts": 0,
                        "converged_after": 0.0}

    def tell(self, text):
        self.story.append(f"{time.monotonic() - self.begun:7.3f} {text}")

    # -- before ---------------------------------------------------------------------------------

    def prepare(self):
        status, said = self.site.run("init", "--json")
        if status:
            raise Failed(f"init ended with {status}: {said}")
        names = ["one", "two"][:self.random.choice((1, 1, 2))]
        self.applications = [Application(self.site, name, self.random) for name in names]
        for application in self.applications:
            self.tell(f"{application.name}: {application.settings}")
        paths = [application.path for application in self.applications]
        self.first = places.Replicator(self.site, "first", paths, self.random)
        self.second = places.Replicator(self.site, "second", paths, self.random)
        self.disturbed_at = float("-inf")
        if self.random.random() < 0.5:
            self.first.start()
            self.wait(self.random.uniform(0, 0.5))
        for application in self.applications:
            application.start()
        if not self.first.wanted:
            self.first.start()

    def wait(self, seconds, disturbed=False):
        end = time.monotonic() + seconds
        while True:
            if disturbed:
                self.disturbed_at = time.monotonic()
            # One that was started beside an absent store may need a moment to say so.
            self.first.supervise(time.monotonic() - self.disturbed_at < 5)
            if self.second.wanted and not self.second.running():
                self.second.wanted = False  # it may give up: the first one has the lease
                self.second.ends.append((self.second.process.returncode, True,
                                         self.second.log().read_text(errors="replace")[-1500:]))
            left = end - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(left, 0.05))

    # -- meanwhile ------------------------------------------------------------------------------

    def length(self):
        """Of a disturbance, in seconds: mostly short; up to a minute in a long run."""
        if self.options.minutes and self.random.random() < 0.02:
            return self.random.uniform(20, 60)
        return self.random.choice((0.05, 0.3, 1, 2.5)) * self.random.uniform(0.5, 1.2)

    def killed(self):
        self.first.kill()
        self.wait(self.random.choice((0, 0.05, 0.5)))
        self.first.start()

    def ended_and_started(self):
        status = self.first.end()
        if status is None:
            raise Failed("it did not end within a minute of SIGTERM")
        self.tell(f"  ended with {status}")
        # Before it holds signals back there is nothing to end in good order, however long that takes.
        young = status in (-signal.SIGTERM, INTERRUPTED) and not self.first.has_begun()
        if status not in (0, WARNINGS) and not young:
            raise Failed(f"SIGTERM ended it with {status}: "
                         + self.first.log().read_text(errors="replace")[-1500:])
        self.wait(self.random.choice((0, 0.2)))
        self.first.start()

    def stopped(self):
        begun = time.time()
        self.first.signal(signal.SIGSTOP)
        self.wait(self.length())
        self.first.signal(signal.SIGCONT)
        self.stops.append((begun, time.time()))

    def store_away(self):
        self.site.take_store_away()
        self.wait(self.length(), disturbed=True)
        if self.random.random() < 0.3:
            self.first.kill()
            self.first.start()
            self.wait(self.random.uniform(0, 0.5), disturbed=True)
        self.site.bring_store_back()

    def store_fails(self):
        self.site.faults.set(permille=self.random.choice((50, 100, 300)), where=places.STORE,
                             error=self.random.choice((errno.EIO, errno.ENOSPC, errno.ESTALE)))
        self.wait(self.length() + 0.5, disturbed=True)
        self.site.faults.calm()

    def store_slow(self):
        self.site.faults.set(delay=self.random.choice((0.002, 0.02, 0.1)), where=places.STORE)
        self.wait(self.length() + 0.5, disturbed=True)
        self.site.faults.calm()

    def disk_full(self):
        where = self.random.choice((places.EVERYWHERE, places.STORE, places.CACHE))
        self.site.faults.set(permille=1000, error=errno.ENOSPC, where=where)
        self.wait(self.length(), disturbed=True)
        self.site.faults.calm()

    def clock_jumps(self):
        self.clock_jumped = True
        self.site.faults.jump(self.random.choice((-3600, -10, -1, 1, 10, 3600)))
        self.wait(self.length())
        self.site.faults.jump(0)

    def second_one(self):
        if self.second.running():
            return
        self.second.start()
        if self.random.random() < 0.4:
            self.first.signal(signal.SIGSTOP)
            self.wait(self.random.uniform(2.5, 4.0))
            self.first.signal(signal.SIGCONT)
        self.wait(self.length())
        if self.random.random() < 0.5:
            self.second.kill()
        else:
            self.second.end()

    def application(self):
        return self.random.choice(self.applications)

    def application_killed(self):
        application = self.application()
        application.stop(kill=True)
        self.wait(self.random.choice((0, 0.3)))
        application.start()

    def application_restarted(self):
        application = self.application()
        application.stop()
        self.wait(self.random.choice((0, 0.3)))
        application.start()

    def copied(self):
        self.application().copy()

    def replaced_by_copy(self):
        application = self.application()
        if not application.copies:
            application.copy()
        application.stop(kill=self.random.random() < 0.3)
        application.put_in_place(self.random.choice(application.copies))
        self.wait(self.random.choice((0, 0, 0.3)))
        application.start()

    def deleted(self):
        application = self.application()
        application.stop()
        application.delete()
        self.wait(self.random.choice((0, 0.5)))
        if self.random.random() < 0.5:
            application.settings = {**application.draw_settings(),
                                    "writers": application.settings["writers"]}
        application.create()
        application.start()

    def restored_from_elsewhere(self):
        application = self.application()
        events = self.acknowledged(application)
        if not events:
            return
        target = self.site.folder / f"{application.name}-elsewhere"
        event = self.random.choice(events)
        status, said = self.site.restore(application.name, target, "--position", event["position"])
        if status:
            raise Failed(f"restore of the acknowledged {event} ended with {status}: {said}")
        self.prove(application, target, f"position {event['position']}, restored meanwhile")
        application.stop()
        application.put_in_place(target)
        application.start()

    def backed_up(self):
        words = self.random.choice((("backup", self.application().path), ("prune",),
                                    ("backup", self.application().path)))
        status, said = self.site.run(*words)
        if status not in (0, WARNINGS, 33, 34, 36):
            raise Failed(f"{words} ended with {status}: {said}")

    def disturb(self):
        weights = {
            self.killed: 20, self.ended_and_started: 6, self.stopped: 8, self.store_away: 8,
            self.application_killed: 8, self.application_restarted: 5, self.copied: 5,
            self.replaced_by_copy: 5, self.deleted: 4, self.restored_from_elsewhere: 4,
            self.second_one: 6, self.backed_up: 4,
        }
        if self.site.library:
            weights |= {self.store_fails: 6, self.store_slow: 5, self.disk_full: 5,
                        self.clock_jumps: 2}
        what = self.random.choices(list(weights), list(weights.values()))[0]
        self.tell(what.__name__)
        what()

    # -- afterwards -----------------------------------------------------------------------------

    def settle(self):
        """All faults end, and the applications too; what is left must be shipped without our help."""
        self.site.faults.calm()
        self.site.bring_store_back()
        self.second.end()
        self.first.signal(signal.SIGCONT)
        for application in self.applications:
            kill = self.random.random() < 0.4
            self.tell(f"{application.name} {'killed' if kill else 'ends'}")
            application.stop(kill)
            application.recover()
        begun = time.monotonic()
        self.converge(begun + self.options.patience)
        self.figures["converged_after"] = time.monotonic() - begun
        status = self.first.end()
        self.tell(f"ended with {status}")
        if status != 0:
            raise Failed(f"the last SIGTERM ended it with {status}: "
                         + self.first.log().read_text(errors="replace")[-1500:])

    def converge(self, deadline):
        """Until the newest state in the repository is what the database is now. Once, the order to
        end must be enough for that."""
        if self.first.running() and self.random.random() < 0.3 and self.follows_calmly():
            self.tell("no wait before the end")
            if self.first.end() != 0:
                raise Failed("it could not ship what was left: "
                             + self.first.log().read_text(errors="replace")[-1500:])
            deadline = time.monotonic()
        for application in self.applications:
            present = application.present()
            while True:
                target = self.site.folder / f"{application.name}-newest"
                status, said = self.site.restore(application.name, target, "--at", "now")
                if status == 0:
                    state = self.prove(application, target, "the newest state")
                    if state.chained in self.as_good(application, present):
                        break
                    said = f"transaction {state.number} {state.chained[:16]}"
                if time.monotonic() > deadline:
                    raise Failed(
                        f"{application.name}: the newest state never became transaction "
                        f"{present.number} {present.chained[:16]}; at last: {said}\n"
                        + self.first.log().read_text(errors="replace")[-1500:])
                self.wait(0.3)

    def as_good(self, application, present):
        """Hashes of what the newest state may be. A commit whose writer was killed before its return
        may stand in the log and not yet in the log's index: it comes to be when the next connection
        recovers the log, which may be none of ours."""
        good = {present.chained}
        if present.number and present.chained not in application.commits().ended:
            good.update(present.chain[-2:-1])
        return good

    def follows_calmly(self):
        """Whether it had time to follow: nothing was disturbed lately."""
        return self.calm_since is not None and time.monotonic() - self.calm_since > 2.0

    def acknowledged(self, application):
        return [event for replicator in (self.first, self.second) for event in replicator.events()
                if event["database"] == application.name]

    def prove(self, application, path, what):
        self.figures["restored"] += 1
        try:
            return ledger.prove(path, application.commits())
        except ledger.Wrong as wrong:
            raise Failed(f"{application.name}, {what}: {wrong}") from wrong

    def check_positions(self, application):
        events = self.acknowledged(application)
        self.figures["acknowledged"] += len(events)
        if not events:
            return
        present = application.present()
        chain = set(present.chain)
        last = {replicator.name: [e for e in replicator.events()
                                  if e["database"] == application.name][-1:]
                for replicator in (self.first, self.second)}
        wanted = [event for found in last.values() for event in found]
        wanted += self.random.sample(events, min(len(events), self.options.restores))
        for event in wanted:
            target = self.site.folder / f"{application.name}-restored"
            position = event["position"]
            status, said = self.site.restore(application.name, target, "--position", position)
            if status:
                raise Failed(f"restore of the acknowledged {event} ended with {status}: {said}")
            state = self.prove(application, target, f"position {position}")
            if state.number and not application.replaced and state.chained not in chain:
                raise Failed(f"{application.name}: position {position} is transaction {state.number}, "
                             "which the database does not have any more")

    def check_moments(self, application):
        events = self.acknowledged(application)
        if len(events) < 2 or self.clock_jumped:
            return
        commits = application.commits()
        times = [datetime.datetime.fromisoformat(event["time"]) for event in events]
        for _ in range(self.options.restores // 2):
            moment = min(times) + (max(times) - min(times)) * self.random.random()
            target = self.site.folder / f"{application.name}-moment"
            text = moment.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
            status, said = self.site.restore(application.name, target, "--at", text)
            if status == POSITION_MISSING:
                continue  # a gap, and it says so
            if status:
                raise Failed(f"restore --at {text} ended with {status}: {said}")
            state = self.prove(application, target, f"at {text}")
            if state.number and commits.begun[state.chained] > moment.timestamp() * 1e6 + 1000:
                raise Failed(f"{application.name}: --at {text} gave transaction {state.number}, which "
                             "was committed later")

    def check_applications(self):
        for application in self.applications:
            self.figures["commits"] += len(application.commits().ended)
            alone = application.settings["writers"] == 1
            for answer in application.answers:
                self.figures["busy"] += answer["busy"]
                others = [e for e in answer["errors"] if "locked" not in e and "busy" not in e]
                ours = [e for e in answer["errors"] if e not in others
                        and not self.is_excused(e, application.settings)]
                if others or (alone and (ours or answer["busy"] > len(answer["errors"]))):
                    raise Failed(f"{application.name} saw {answer}")

    def is_excused(self, error, settings):
        """Whoever is stopped in the middle of reading a database without a log keeps its lock, as any
        reader does. Only a stop that outlasts the writer's patience excuses anything."""
        seen = float(error.split()[0])
        return settings["journal"] != "WAL" and any(
            begun <= seen <= ended + 1 and ended - begun >= settings["timeout"]
            for begun, ended in self.stops)

    def check_ends(self):
        self.figures["restarts"] = self.first.starts
        for status, disturbed, said in self.first.ends + self.second.ends:
            if status < 0 or status == INTERNAL or not disturbed:
                raise Failed(f"it ended by itself with {status}: {said}")

    def play(self):
        self.prepare()
        end = time.monotonic() + self.options.seconds
        self.calm_since = None
        while time.monotonic() < end:
            self.disturb()
            self.calm_since = time.monotonic()
            self.wait(self.random.choice((0.02, 0.3, 0.8)) * self.random.uniform(0.5, 1.5))
        if self.random.random() < 0.3:
            self.wait(2.5)
        self.tell("settle")
        self.settle()
        for application in self.applications:
            self.check_positions(application)
            self.check_moments(application)
        self.check_applications()
        self.check_ends()
        if self.random.random() < self.options.verified:
            status, said = self.site.run("verify", "--all", "--read-data")
            if status:
                raise Failed(f"verify ended with {status}: {said}")

    def finish(self):
        """Nothing of it runs any more."""
        for replicator in (self.first, self.second):
            replicator.kill()
        for application in self.applications:
            for writer in application.writers:
                writer.kill()
                writer.communicate()


def play(seed, program, options, kind=Round):
    """(failure or None, figures, story, folder)."""
    round_of_chaos = kind(seed, program, options)
    failure = None
    try:
        round_of_chaos.play()
    except (Failed, ledger.Wrong, RuntimeError) as reason:
        failure = str(reason)
    finally:
        try:
            round_of_chaos.finish()
        except AttributeError:
            pass  # it did not get so far that there was anything
    if not failure and not options.keep:
        round_of_chaos.site.remove()
    return failure, round_of_chaos.figures, round_of_chaos.story, pathlib.Path(
        round_of_chaos.site.folder)

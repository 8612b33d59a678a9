"""How replication to S3 ends while the service is away: soon, safely, and saying what is not there yet."""

import signal
import subprocess
import time
import unittest

from follower import Follower
from holdfast import PROGRAM
from s3_storage import S3Scenario

# Seconds. Until it gives up by itself, and so long that nothing is given up; between the two a machine may be
# as slow as it likes.
SOON, LATE, LONGEST = "4s", "120s", 60


class Ending(S3Scenario):
    def setUp(self):
        super().setUp()
        self.init()
        self.longest_end(SOON)
        self.path = self.database()

    def longest_end(self, span):
        self.configure(f'[databases.app]\nsource = "app.db"\n[replication]\nlongest_end = "{span}"\n')

    def go_away(self):
        """Every connection is cut."""
        self.service.control(unreachable=True)

    def fall_silent(self):
        """Whoever asks waits, for a minute and longer."""
        self.service.process.send_signal(signal.SIGSTOP)
        self.addCleanup(self.service.process.send_signal, signal.SIGCONT)

    def come_back(self):
        self.service.process.send_signal(signal.SIGCONT)
        self.service.calm()

    def followed(self):
        follower = Follower(self, "app")
        follower.wait_until_following()
        self.sql(self.path, "INSERT INTO item (text) VALUES ('sent')")
        follower.wait_for(lambda: follower.events, "an event")
        return follower

    def end(self, process):
        begun = time.monotonic()
        process.send_signal(signal.SIGTERM)
        status = process.wait(timeout=180)
        took = time.monotonic() - begun
        print(f"{self.id()}: ended {took:.1f} s after the signal")
        self.assertLess(took, LONGEST)
        return status

    def write_while_away(self, follower):
        self.sql(self.path, "INSERT INTO item (text) VALUES ('waits')")
        time.sleep(1.5)  # it is being sent
        self.assertIsNone(follower.process.poll())

    def expect_everything_after_the_next_start(self):
        content = self.content(self.path)
        self.come_back()
        follower = Follower(self, "app")
        follower.wait_until_following()
        self.assertEqual(0, follower.end())
        self.ok("restore", "--at", "now", "--database", "app", "--to", self.folder / "back.db")
        self.assertEqual(content, self.content(self.folder / "back.db"))

    def ends_while_the_service(self, leave):
        follower = self.followed()
        leave()
        self.write_while_away(follower)
        self.assertEqual(3, self.end(follower.process))
        for reader in follower.readers:
            reader.join(timeout=10)
        said = "".join(follower.said)
        self.assertRegex(said, r"app: what was committed until .* is in the repository \(position 1\.\d+\); "
                               r"\d+ bytes of later commits wait in /")
        self.assertIn("the next `holdfast replicate` sends the rest", said)
        self.expect_everything_after_the_next_start()

    def test_it_ends_soon_while_connections_are_cut(self):
        self.ends_while_the_service(self.go_away)

    def test_it_ends_soon_while_nobody_answers(self):
        self.ends_while_the_service(self.fall_silent)

    def test_it_ends_at_once_where_nothing_waits(self):
        self.longest_end(LATE)
        self.assertEqual(0, self.end(self.followed().process))

    def test_a_second_signal_ends_it_at_once(self):
        self.longest_end(LATE)
        follower = self.followed()
        self.fall_silent()
        self.write_while_away(follower)
        follower.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        self.assertIsNone(follower.process.poll())
        follower.process.send_signal(signal.SIGINT)
        self.assertEqual(5, follower.process.wait(timeout=LONGEST))
        self.expect_everything_after_the_next_start()

    def application(self):
        """That runs until its input ends."""
        process = subprocess.Popen(
            [PROGRAM, "run", "--", "sh", "-c", "trap 'exit 42' TERM; echo ready; while :; do sleep 0.05; done"],
            cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.assertEqual("ready\n", process.stdout.readline())
        deadline = time.monotonic() + 60
        while "following" not in self.run_program("status", "app").out:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.1)
        self.fall_silent()
        self.sql(self.path, "INSERT INTO item (text) VALUES ('waits')")
        time.sleep(1.5)
        return process

    def test_an_application_ends_soon_and_with_its_own_status(self):
        process = self.application()
        self.assertEqual(42, self.end(process))
        self.assertIn("the last commits could not be sent", process.stderr.read())
        self.expect_everything_after_the_next_start()

    def test_a_signal_after_the_end_of_an_application_is_for_what_is_left_to_send(self):
        self.longest_end(LATE)
        process = self.application()
        process.send_signal(signal.SIGTERM)
        time.sleep(1)
        self.assertIsNone(process.poll())
        process.send_signal(signal.SIGTERM)
        self.assertEqual(42, process.wait(timeout=LONGEST))
        self.assertIn("ended before the last commits were sent", process.stderr.read())
        self.expect_everything_after_the_next_start()


if __name__ == "__main__":
    unittest.main()

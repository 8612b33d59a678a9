"""A user whose repository is in S3: the service of tests/services, and the environment that leads there."""

import pathlib
import sys

from holdfast import Scenario
from stored_path import Bucket

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "services"))

import s3_service  # noqa: E402


def environment_of(service):
    authority = {"AWS_CA_BUNDLE": service.authority} if service.authority else {}
    return {
        "AWS_ENDPOINT_URL": service.endpoint,
        "AWS_ACCESS_KEY_ID": s3_service.ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": s3_service.SECRET,
        "AWS_REGION": s3_service.REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        **authority,
    }


def strict_store(scenario):
    """For one test."""
    service = s3_service.Service(scenario.folder)
    scenario.addCleanup(service.stop)
    return Bucket("holdfast", environment_of(service))


class S3Scenario(Scenario):
    TLS = False
    CONFIGURATION = {}  # of the service, beside its defaults

    def setUp(self):
        super().setUp()
        self.service = s3_service.Service(self.folder, self.CONFIGURATION, tls=self.TLS)
        self.addCleanup(self.service.stop)
        self.environment |= {**environment_of(self.service), "HOLDFAST_REPO": "s3://holdfast/app"}

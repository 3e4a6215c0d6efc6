"""The base of tests that share one cluster per class."""

import unittest

from spillway_cluster import SpillwayCluster


class ClusterTestCase(unittest.TestCase):
    """Has `cluster`, fresh for the class. If its set-up or a test fails, its logs are shown and kept."""

    cluster_type = SpillwayCluster
    controller_manager: dict = {}  # more flags of kube-controller-manager

    @classmethod
    def setUpClass(cls):
        cls.cluster = cls.enterClassContext(cls.cluster_type(controller_manager=cls.controller_manager))
        cls.cluster.failed = True  # until the first test runs: unittest does not say that a subclass's set-up failed
        cls._set_up = False

    def run(self, result=None):
        result = result or self.defaultTestResult()
        if not self._set_up:
            self.cluster.failed, type(self)._set_up = False, True
        bad_before = len(result.failures) + len(result.errors)
        super().run(result)
        if len(result.failures) + len(result.errors) > bad_before:
            self.cluster.failed = True
        return result

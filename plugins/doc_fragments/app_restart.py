# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the options by which a module that may restart the app of 2.x knows that it is up; module_utils/replicated/app_model.py holds them."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  health_urls:
    description: Addresses that answer with 200 when the app is up, as seen from the Services host.
    type: list
    elements: str
    default:
      - http://127.0.0.1:80/health-check
      - http://127.0.0.1:8082/status
      - http://127.0.0.1:9999/healthcheck
      - http://127.0.0.1:8090/status
      - http://127.0.0.1:3013/status
      - http://127.0.0.1:3011/status
      - http://127.0.0.1:3014/status
      - http://127.0.0.1:4261/status
  containers:
    description:
      - Names of containers that belong to the app; those that are not there are left out. When the oldest that runs started is when the app did.
      - The default are the names that are known of 2.x. Leave out one that something else than the app starts and stops.
    type: list
    elements: str
    default:
      - frontend
      - api-service
      - dispatcher
      - picard-dispatcher
      - picard-scheduler
      - picard-output-processor
      - output-processor
      - schedulerer
      - nomad
      - vm-service
      - vm-scaler
      - vm-gc
      - telegraf
      - usage-stats
      - ready-agent
      - rabbitmq
      - mongo
      - postgres
      - redis
      - vault-cci
      - slanger
      - exim
      - workflows-conductor
      - contexts-service
      - cron-service
      - domain-service
      - federations-service
      - permissions-service
      - test-results
      - test_results
      - audit-log-service
  restart_notes:
    description: Folder of the notes that say what waits for a restart.
    type: path
    default: /var/lib/serverops/pending-restart.d
"""

provider "google" {
  project = var.project
  region  = var.region
}

locals {
  # Known before there is an account or a service: the first is needed to plan who may use the
  # bucket, the second is what the service tells Cloud Tasks to call.
  account_email = "${var.service_name}@${var.project}.iam.gserviceaccount.com"
  service_url   = "https://${var.service_name}-${data.google_project.this.number}.${var.region}.run.app"

  # What the program reads, see examples/cloud_run/main.py.
  environment = {
    BUCKETPOINT_URL   = module.checkpoints.store_url
    REQUEST_TIMEOUT_S = tostring(var.request_timeout_s)
    SERVICE_URL       = local.service_url
    TASK_ACCOUNT      = local.account_email
    TASK_QUEUE        = google_cloud_tasks_queue.wake_ups.id
  }
}

data "google_project" "this" {
  project_id = var.project
}

resource "google_project_service" "this" {
  for_each = toset(["cloudtasks.googleapis.com", "iam.googleapis.com", "run.googleapis.com", "storage.googleapis.com"])

  project            = var.project
  service            = each.key
  disable_on_destroy = false # something else may use it
}

module "checkpoints" {
  source = "../../modules/gcp-checkpoint-bucket"

  bucket_name = var.bucket_name
  location    = var.region
  project     = var.project
  role_members = {
    runner   = ["serviceAccount:${local.account_email}"]
    operator = var.operators
  }

  depends_on = [google_service_account.service] # Google binds no account that is not there
}

resource "google_service_account" "service" {
  project      = var.project
  account_id   = var.service_name
  display_name = "Runs ${var.service_name}, and is who its wake-ups come from"

  depends_on = [google_project_service.this]
}

resource "google_cloud_run_v2_service" "this" {
  project             = var.project
  name                = var.service_name
  location            = var.region
  deletion_protection = false # all that matters lies in the bucket

  template {
    service_account = google_service_account.service.email
    timeout         = "${var.request_timeout_s}s"

    containers {
      image = var.image

      dynamic "env" {
        for_each = local.environment

        content {
          name  = env.key
          value = env.value
        }
      }
    }
  }

  depends_on = [google_project_service.this]
}

# Wake-ups, and the events that you send: what fails is delivered again.
resource "google_cloud_tasks_queue" "wake_ups" {
  project  = var.project
  name     = "${var.service_name}-wake-ups"
  location = var.region

  retry_config {
    max_attempts = -1 # a run that nobody wakes up stands still
    min_backoff  = "5s"
    max_backoff  = "300s"
  }

  depends_on = [google_project_service.this]
}

# The account puts tasks into the queue ...
resource "google_cloud_tasks_queue_iam_member" "enqueuer" {
  project  = var.project
  location = var.region
  name     = google_cloud_tasks_queue.wake_ups.name
  role     = "roles/cloudtasks.enqueuer"
  member   = google_service_account.service.member
}

# ... names itself in them ...
resource "google_service_account_iam_member" "self" {
  service_account_id = google_service_account.service.name
  role               = "roles/iam.serviceAccountUser"
  member             = google_service_account.service.member
}

# ... and so may call the service, which nobody else may.
resource "google_cloud_run_v2_service_iam_member" "invoker" {
  project  = var.project
  location = var.region
  name     = google_cloud_run_v2_service.this.name
  role     = "roles/run.invoker"
  member   = google_service_account.service.member
}

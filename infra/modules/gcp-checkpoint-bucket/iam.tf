locals {
  # Each permission with what it is needed for. Google has none for versions alone, and asks for
  # delete to replace an object: a worker that may save may remove, too.
  read_permissions = {
    "storage.objects.get"  = "read a checkpoint or an earlier version of it"
    "storage.objects.list" = "list runs and versions, and be told \"not there\" instead of \"denied\""
  }
  permissions = {
    runner = merge(local.read_permissions, {
      "storage.objects.create" = "write a checkpoint"
      "storage.objects.delete" = "write over a checkpoint, which Google takes for a deletion; remove one, or a version"
    })
    # What operators have beyond the runner's.
    operator = {
      "storage.buckets.get" = "let the doctor read the settings, and history say that versions are off"
    }
    viewer = local.read_permissions
  }

  titles = {
    runner   = "Checkpoint runner"
    operator = "Checkpoint bucket inspector"
    viewer   = "Checkpoint viewer"
  }
  purposes = {
    runner   = "Load, save, list and delete checkpoints; to be bound with the condition on the prefix"
    operator = "Read the bucket's settings; operators have the runner's role as well"
    viewer   = "Load and list checkpoints; to be bound with the condition on the prefix"
  }

  # Role IDs take no hyphens and end at 64 characters. The digest tells apart what is cut or
  # replaced alike.
  role_id_start = join(".", [
    "bucketpoint",
    substr(replace(var.bucket_name, "-", "_"), 0, 32),
    substr(sha256(var.bucket_name), 0, 8),
  ])

  # A member who is both runner and operator is bound once.
  members_on_prefix = {
    runner = setunion(var.role_members.runner, var.role_members.operator)
    viewer = var.role_members.viewer
  }
  bindings_on_prefix = merge([
    for role, members in local.members_on_prefix :
    { for member in members : "${role} ${member}" => { role = role, member = member } }
  ]...)

  # Who lists asks for the bucket, not for an object; what is to be listed is an attribute.
  role_condition = {
    title       = "bucketpoint: ${var.prefix}"
    description = "Objects below ${local.folder}, and listing them"
    expression = join(" || ", [
      "resource.name.startsWith(\"projects/_/buckets/${var.bucket_name}/objects/${local.folder}\")",
      "api.getAttribute(\"storage.googleapis.com/objectListPrefix\", \"\").startsWith(\"${local.folder}\")",
    ])
  }
}

resource "google_project_iam_custom_role" "this" {
  for_each = local.permissions

  project     = var.project
  role_id     = "${local.role_id_start}.${each.key}"
  title       = local.titles[each.key]
  description = local.purposes[each.key]
  permissions = keys(each.value)
}

resource "google_storage_bucket_iam_member" "prefix" {
  for_each = local.bindings_on_prefix

  bucket = google_storage_bucket.this.name
  role   = google_project_iam_custom_role.this[each.value.role].name
  member = each.value.member

  condition {
    title       = local.role_condition.title
    description = local.role_condition.description
    expression  = local.role_condition.expression
  }
}

# The settings are the bucket's: under the condition on objects nobody could read them.
resource "google_storage_bucket_iam_member" "settings" {
  for_each = var.role_members.operator

  bucket = google_storage_bucket.this.name
  role   = google_project_iam_custom_role.this["operator"].name
  member = each.value
}

# Not the workers encrypt, but the project's Cloud Storage service agent.
data "google_storage_project_service_account" "this" {
  count = var.kms_key == null ? 0 : 1

  project = var.project
}

resource "google_kms_crypto_key_iam_member" "storage" {
  count = var.kms_key == null ? 0 : 1

  crypto_key_id = var.kms_key
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = data.google_storage_project_service_account.this[0].member
}

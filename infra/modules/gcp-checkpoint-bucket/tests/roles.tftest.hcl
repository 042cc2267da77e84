# Who may do what. Applied, as the names of roles are known only then.

mock_provider "google" {}

override_resource {
  target = google_project_iam_custom_role.this["runner"]
  values = { name = "projects/my-project/roles/runner" }
}

override_resource {
  target = google_project_iam_custom_role.this["operator"]
  values = { name = "projects/my-project/roles/operator" }
}

override_resource {
  target = google_project_iam_custom_role.this["viewer"]
  values = { name = "projects/my-project/roles/viewer" }
}

variables {
  bucket_name = "my-bucket"
  location    = "EU"
  prefix      = "team/checkpoints"
  project     = "my-project"
  role_members = {
    runner   = ["serviceAccount:worker@my-project.iam.gserviceaccount.com", "user:ann@example.org"]
    operator = ["user:ann@example.org"]
    viewer   = ["group:all@example.org"]
  }
}

run "each_member_gets_the_role" {
  assert {
    condition = {
      for key, binding in google_storage_bucket_iam_member.prefix : key => binding.role
      } == {
      "runner serviceAccount:worker@my-project.iam.gserviceaccount.com" = "projects/my-project/roles/runner"
      "runner user:ann@example.org"                                     = "projects/my-project/roles/runner"
      "viewer group:all@example.org"                                    = "projects/my-project/roles/viewer"
    }
    error_message = "On the prefix operators are runners, and each is bound once."
  }

  assert {
    condition = {
      for key, binding in google_storage_bucket_iam_member.settings : binding.member => binding.role
    } == { "user:ann@example.org" = "projects/my-project/roles/operator" }
    error_message = "Operators read the settings."
  }

  assert {
    condition = alltrue([
      for binding in google_storage_bucket_iam_member.prefix :
      binding.condition[0].expression == output.role_condition.expression
    ])
    error_message = "On objects nobody is bound without the condition."
  }

  assert {
    condition     = strcontains(output.role_condition.expression, "\"projects/_/buckets/my-bucket/objects/team/checkpoints/\"")
    error_message = "The condition names the prefix with its slash."
  }

  assert {
    condition = output.roles == {
      operator = "projects/my-project/roles/operator"
      runner   = "projects/my-project/roles/runner"
      viewer   = "projects/my-project/roles/viewer"
    }
    error_message = "The roles can be bound by others."
  }

  assert {
    condition     = output.store_url == "gs://my-bucket/team/checkpoints"
    error_message = "bucketpoint.open takes the URL of bucket and prefix."
  }
}

run "role_ids_of_a_long_name" {
  command = plan

  variables {
    bucket_name  = "a-very.long-name_of.a-bucket.that-goes.on-and-on.and-on.example.org"
    role_members = {}
  }

  assert {
    condition = alltrue([
      for role in google_project_iam_custom_role.this : can(regex("^[a-zA-Z0-9_.]{3,64}$", role.role_id))
    ])
    error_message = "Google takes 3 to 64 letters, digits, underscores and periods."
  }
}

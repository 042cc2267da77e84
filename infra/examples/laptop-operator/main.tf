provider "aws" {
  region = var.region
}

module "checkpoints" {
  source = "../../modules/aws-checkpoint-bucket"

  bucket_name  = var.bucket_name
  role_members = { operator = [aws_iam_role.operator.name] }
}

# People take this role, with a second factor, when a run needs them.
resource "aws_iam_role" "operator" {
  name                 = "${substr(var.bucket_name, 0, 46)}-on-call"
  max_session_duration = var.session_hours * 60 * 60

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "PeopleWithASecondFactor"
      Effect    = "Allow"
      Principal = { AWS = var.operators }
      Action    = "sts:AssumeRole"
      Condition = { Bool = { "aws:MultiFactorAuthPresent" = "true" } }
    }]
  })
}

locals {
  in_prefix = { StringLike = { "s3:prefix" = "${var.prefix}/*" } }

  # What each role may do, and on what. Each right is there for a request of the library's.
  grants = {
    # Deleting a run is a write of a tombstone: a runner can remove nothing.
    runner = concat(
      [
        { Sid = "ReadAndWriteCheckpoints", Action = ["s3:GetObject", "s3:PutObject"], Resource = local.objects_arn },
        { Sid = "ListCheckpoints", Action = ["s3:ListBucket"], Resource = local.bucket_arn, Condition = local.in_prefix },
      ],
      local.key_for_writers,
    )

    # The command line: earlier versions, what is over removed for good, and the bucket examined.
    operator = concat(
      [
        {
          Sid = "ReadWriteAndRemoveCheckpoints"
          Action = [
            "s3:DeleteObject", "s3:DeleteObjectVersion", "s3:GetObject", "s3:GetObjectVersion", "s3:PutObject",
          ]
          Resource = local.objects_arn
        },
        {
          Sid       = "ListCheckpointsAndTheirVersions"
          Action    = ["s3:ListBucket", "s3:ListBucketVersions"]
          Resource  = local.bucket_arn
          Condition = local.in_prefix
        },
        {
          Sid = "ExamineTheBucket"
          Action = [
            "s3:GetBucketObjectLockConfiguration", "s3:GetBucketPolicy", "s3:GetBucketPolicyStatus",
            "s3:GetBucketPublicAccessBlock", "s3:GetBucketVersioning", "s3:GetEncryptionConfiguration",
            "s3:GetLifecycleConfiguration",
          ]
          Resource = local.bucket_arn
        },
      ],
      local.key_for_writers,
    )

    viewer = concat(
      [
        { Sid = "ReadCheckpoints", Action = ["s3:GetObject"], Resource = local.objects_arn },
        { Sid = "ListCheckpoints", Action = ["s3:ListBucket"], Resource = local.bucket_arn, Condition = local.in_prefix },
      ],
      local.key_for_readers,
    )
  }

  # S3 tells KMS the bucket where a bucket key is used, and the object else. What others encrypted
  # with the key stays closed.
  for_this_bucket = { StringLike = { "kms:EncryptionContext:aws:s3:arn" = [local.bucket_arn, local.objects_arn] } }

  key_for_readers = var.kms_key == null ? [] : [
    {
      Sid       = "ReadWithTheKey"
      Action    = ["kms:Decrypt"]
      Resource  = var.kms_key
      Condition = local.for_this_bucket
    },
  ]
  key_for_writers = var.kms_key == null ? [] : [
    {
      Sid       = "ReadAndWriteWithTheKey"
      Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource  = var.kms_key
      Condition = local.for_this_bucket
    },
  ]

  policies = {
    for role, statements in local.grants : role => jsonencode({
      Version   = "2012-10-17"
      Statement = [for statement in statements : merge({ Effect = "Allow" }, statement)]
    })
  }

  memberships = merge([
    for role, members in var.role_members : {
      for member in members : "${role}/${member}" => { role = role, member = member }
    }
  ]...)

  oidc_issuer = var.oidc_role == null ? "" : split("oidc-provider/", var.oidc_role.provider_arn)[1]
}

resource "aws_iam_policy" "this" {
  for_each = local.policies

  name        = "${var.bucket_name}-${each.key}"
  description = "What a ${each.key} of the checkpoints in ${var.bucket_name} may do."
  policy      = each.value
  tags        = var.tags
}

resource "aws_iam_role_policy_attachment" "this" {
  for_each = local.memberships

  role       = each.value.member
  policy_arn = aws_iam_policy.this[each.value.role].arn
}

resource "aws_iam_role" "oidc" {
  count = var.oidc_role == null ? 0 : 1

  name = substr("${var.bucket_name}-${var.oidc_role.grants}", 0, 64)
  tags = var.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "TakeTheRole"
      Effect    = "Allow"
      Principal = { Federated = var.oidc_role.provider_arn }
      Action    = "sts:AssumeRoleWithWebIdentity"
      Condition = {
        StringEquals = { "${local.oidc_issuer}:aud" = var.oidc_role.audience }
        StringLike   = { "${local.oidc_issuer}:sub" = var.oidc_role.subjects }
      }
    }]
  })
}

resource "aws_iam_role_policy_attachment" "oidc" {
  count = var.oidc_role == null ? 0 : 1

  role       = aws_iam_role.oidc[0].name
  policy_arn = aws_iam_policy.this[var.oidc_role.grants].arn
}

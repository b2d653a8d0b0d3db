#!/usr/bin/env bash
# Creates what cluster.yaml needs in an AWS account. A second call only adds your current address for SSH.
#
#   bash deploy/aws_account.sh REGION BUCKET       # the bucket must exist: aws s3 mb s3://BUCKET --region REGION
#
# kotune-head    a role: starts and terminates machines, passes kotune-worker to them, reads and writes the bucket
# kotune-worker  a role: reads and writes the bucket, nothing else
# kotune         a security group: SSH from your current address, all traffic between its members
#
# Prints the id of the image for cluster.yaml, Ubuntu 24.04 with NVIDIA's driver, and nothing else on stdout.
set -euo pipefail
if [ $# -ne 2 ]; then
    echo "bash deploy/aws_account.sh REGION BUCKET" >&2
    exit 2
fi
region=$1
bucket=$2
exec 3>&1 >&2    # stdout is for the image id alone
account=$(aws sts get-caller-identity --query Account --output text)
aws s3api head-bucket --bucket "$bucket" > /dev/null

# role NAME: creates a role for EC2 machines and an instance profile of the same name.
role() {
    local trust='{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": {"Service": "ec2.amazonaws.com"}}]}'
    aws iam get-role --role-name "$1" > /dev/null 2>&1 ||
        aws iam create-role --role-name "$1" --assume-role-policy-document "$trust" > /dev/null
    if ! aws iam get-instance-profile --instance-profile-name "$1" > /dev/null 2>&1; then
        aws iam create-instance-profile --instance-profile-name "$1" > /dev/null
        aws iam add-role-to-instance-profile --instance-profile-name "$1" --role-name "$1"
    fi
    aws iam put-role-policy --role-name "$1" --policy-name bucket --policy-document '{"Version": "2012-10-17",
        "Statement": [
        {"Effect": "Allow", "Resource": "arn:aws:s3:::'"$bucket"'",
         "Action": ["s3:ListBucket", "s3:GetBucketLocation", "s3:ListBucketMultipartUploads"]},
        {"Effect": "Allow", "Resource": "arn:aws:s3:::'"$bucket"'/*",
         "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload",
                    "s3:ListMultipartUploadParts"]}]}'
}
role kotune-worker
role kotune-head
aws iam put-role-policy --role-name kotune-head --policy-name machines --policy-document '{"Version": "2012-10-17",
    "Statement": [
    {"Effect": "Allow", "Resource": "*",
     "Action": ["ec2:Describe*", "ec2:RunInstances", "ec2:TerminateInstances", "ec2:CreateTags", "ec2:DeleteTags"]},
    {"Effect": "Allow", "Resource": "arn:aws:iam::'"$account"':role/kotune-worker", "Action": "iam:PassRole"}]}'
# The first spot request of an account needs this role, and the head may not create it.
aws iam create-service-linked-role --aws-service-name spot.amazonaws.com > /dev/null 2>&1 || true

vpc=$(aws ec2 describe-vpcs --region "$region" --filters Name=is-default,Values=true \
    --query 'Vpcs[0].VpcId' --output text)
group=$(aws ec2 describe-security-groups --region "$region" --query 'SecurityGroups[0].GroupId' --output text \
    --filters Name=group-name,Values=kotune "Name=vpc-id,Values=$vpc")
if [ "$group" = None ]; then
    group=$(aws ec2 create-security-group --region "$region" --vpc-id "$vpc" --group-name kotune \
        --description "kotune: SSH from one address, all traffic between its machines" --query GroupId --output text)
    aws ec2 authorize-security-group-ingress --region "$region" --group-id "$group" \
        --protocol all --source-group "$group" > /dev/null
fi
address=$(curl -sSf https://checkip.amazonaws.com)
aws ec2 authorize-security-group-ingress --region "$region" --group-id "$group" \
    --protocol tcp --port 22 --cidr "$address/32" > /dev/null 2>&1 || true    # the rule exists already

aws ssm get-parameter --region "$region" --query Parameter.Value --output text \
    --name /aws/service/deeplearning/ami/x86_64/base-oss-nvidia-driver-gpu-ubuntu-24.04/latest/ami-id >&3

# The same as linux.json, in HCL2 for Packer 1.7 and newer. From 1.10 on the builder is a plugin: `packer init plugins.pkr.hcl` once, beside this file.
variable "image_name" { type = string }
variable "image_family" { type = string }
variable "image_digest" { type = string }
variable "image_run" { type = string }
variable "region" { type = string }
variable "base_image" { type = string }
variable "docker_version" { type = string }
variable "compose_version" { type = string }

variable "instance_type" {
  type    = string
  default = "t3.medium"
}

variable "subnet_id" {
  type    = string
  default = ""
}

variable "security_group_id" {
  type    = string
  default = ""
}

variable "disk_gb" {
  type    = number
  default = 100
}

variable "encrypted" {
  type    = bool
  default = false
}

variable "ssh_username" {
  type    = string
  default = "ubuntu"
}

source "amazon-ebs" "linux" {
  region            = var.region
  source_ami        = var.base_image
  instance_type     = var.instance_type
  subnet_id         = var.subnet_id
  security_group_id = var.security_group_id
  ssh_username      = var.ssh_username
  ami_name          = var.image_name
  encrypt_boot      = var.encrypted

  launch_block_device_mappings {
    device_name           = "/dev/sda1"
    volume_type           = "gp2"
    volume_size           = var.disk_gb
    delete_on_termination = true
  }

  run_tags = {
    Name             = var.image_name
    serverops_image  = var.image_family
    serverops_digest = var.image_digest
    serverops_run    = var.image_run
  }

  run_volume_tags = {
    serverops_image  = var.image_family
    serverops_digest = var.image_digest
  }

  snapshot_tags = {
    serverops_image  = var.image_family
    serverops_digest = var.image_digest
  }

  tags = {
    serverops_image  = var.image_family
    serverops_digest = var.image_digest
    serverops_owner  = "serverops.circleci"
  }
}

build {
  sources = ["source.amazon-ebs.linux"]

  provisioner "shell" {
    execute_command  = "sudo -n env {{ .Vars }} bash '{{ .Path }}'"
    environment_vars = ["DOCKER_VERSION=${var.docker_version}", "COMPOSE_VERSION=${var.compose_version}"]
    script           = "${path.root}/setup.sh"
  }
}

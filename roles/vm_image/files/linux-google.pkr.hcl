# The same as linux-google.json, in HCL2 for Packer 1.7 and newer. From 1.10 on the builder is a plugin: `packer init plugins.pkr.hcl` once, beside this file.
variable "image_name" { type = string }
variable "image_family" { type = string }
variable "image_digest" { type = string }
variable "image_run" { type = string }
variable "project" { type = string }
variable "zone" { type = string }
variable "base_image" { type = string }
variable "base_project" { type = string }
variable "docker_version" { type = string }
variable "compose_version" { type = string }

variable "account_file" {
  type      = string
  default   = ""
  sensitive = true
}

variable "machine_type" {
  type    = string
  default = "e2-standard-2"
}

variable "network" {
  type    = string
  default = "default"
}

variable "subnetwork" {
  type    = string
  default = ""
}

variable "disk_gb" {
  type    = number
  default = 100
}

variable "ssh_username" {
  type    = string
  default = "packer"
}

source "googlecompute" "linux" {
  account_file                    = var.account_file
  project_id                      = var.project
  zone                            = var.zone
  source_image                    = var.base_image
  source_image_project_id         = [var.base_project]
  machine_type                    = var.machine_type
  network                         = var.network
  subnetwork                      = var.subnetwork
  disk_size                       = var.disk_gb
  disable_default_service_account = true
  ssh_username                    = var.ssh_username
  instance_name                   = "${var.image_name}-${var.image_run}"
  image_name                      = var.image_name

  labels = {
    serverops_image  = var.image_family
    serverops_digest = var.image_digest
    serverops_run    = var.image_run
  }

  image_labels = {
    serverops_image  = var.image_family
    serverops_digest = var.image_digest
    serverops_owner  = "serverops_circleci"
  }
}

build {
  sources = ["source.googlecompute.linux"]

  provisioner "shell" {
    execute_command  = "sudo -n env {{ .Vars }} bash '{{ .Path }}'"
    environment_vars = ["DOCKER_VERSION=${var.docker_version}", "COMPOSE_VERSION=${var.compose_version}"]
    script           = "${path.root}/setup.sh"
  }
}

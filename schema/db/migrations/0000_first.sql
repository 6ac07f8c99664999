CREATE TABLE `accounts` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`source` text NOT NULL,
	`limits` text NOT NULL,
	`gateway_user` text,
	`gateway_tier` text,
	`webhook_secret` text,
	`webhook_secret_before` text,
	`webhook_secret_rotated_at` integer,
	`slack_url` text,
	`slack_level` text,
	`disabled_at` integer,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `accounts_gateway_user` ON `accounts` (`gateway_user`);--> statement-breakpoint
CREATE TABLE `api_keys` (
	`id` text PRIMARY KEY NOT NULL,
	`account_id` text NOT NULL,
	`name` text NOT NULL,
	`sha256` text NOT NULL,
	`prefix` text NOT NULL,
	`last4` text NOT NULL,
	`created_at` integer NOT NULL,
	`revoked_at` integer,
	FOREIGN KEY (`account_id`) REFERENCES `accounts`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE UNIQUE INDEX `api_keys_sha256` ON `api_keys` (`sha256`);--> statement-breakpoint
CREATE INDEX `api_keys_account` ON `api_keys` (`account_id`,`id`);--> statement-breakpoint
CREATE TABLE `idempotency_keys` (
	`account_id` text NOT NULL,
	`route` text NOT NULL,
	`key` text NOT NULL,
	`fingerprint` text NOT NULL,
	`resource_id` text NOT NULL,
	`lease_until` integer NOT NULL,
	`status` integer,
	`body` text,
	`created_at` integer NOT NULL,
	PRIMARY KEY(`account_id`, `route`, `key`)
);
--> statement-breakpoint
CREATE INDEX `idempotency_keys_age` ON `idempotency_keys` (`created_at`);--> statement-breakpoint
CREATE TABLE `job_credentials` (
	`job_id` text PRIMARY KEY NOT NULL,
	`sealed` text NOT NULL,
	`key_id` text NOT NULL,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `job_credentials_key` ON `job_credentials` (`key_id`);--> statement-breakpoint
CREATE INDEX `job_credentials_age` ON `job_credentials` (`created_at`);--> statement-breakpoint
CREATE TABLE `jobs` (
	`id` text PRIMARY KEY NOT NULL,
	`account_id` text NOT NULL,
	`batch_id` text,
	`original_job_id` text,
	`url` text NOT NULL,
	`request` text NOT NULL,
	`plan` text NOT NULL,
	`adjustments` text NOT NULL,
	`storage_provider` text NOT NULL,
	`storage_source` text NOT NULL,
	`storage_place` text,
	`status` text NOT NULL,
	`step` text NOT NULL,
	`progress` integer NOT NULL,
	`attempt` integer NOT NULL,
	`refusals` integer NOT NULL,
	`interruptions` integer NOT NULL,
	`failures` integer NOT NULL,
	`publishing` integer NOT NULL,
	`revision` integer NOT NULL,
	`error_code` text,
	`due_at` integer,
	`hint_due_at` integer,
	`claimed_at` integer,
	`lease_expires_at` integer,
	`runner` text,
	`upload_key` text,
	`upload_ref` text,
	`object_key` text,
	`links` text,
	`links_expire_at` integer,
	`subtitle_key` text,
	`thumbnail_key` text,
	`subtitles` text,
	`file_size` integer,
	`sha256` text,
	`duration` real,
	`clip_start` real,
	`clip_duration` real,
	`title` text,
	`description` text,
	`release_date` text,
	`native_video_codec` text,
	`native_audio_codec` text,
	`actual_quality` text,
	`strategy` text,
	`download_rate` real,
	`upload_rate` real,
	`extract_ms` integer,
	`download_ms` integer,
	`mux_ms` integer,
	`upload_ms` integer,
	`download_retries` integer,
	`upload_retries` integer,
	`tool_versions` text,
	`reserved_bytes` integer,
	`expires_at` integer,
	`created_at` integer NOT NULL,
	`started_at` integer,
	`finished_at` integer
);
--> statement-breakpoint
CREATE INDEX `jobs_account` ON `jobs` (`account_id`,`id`);--> statement-breakpoint
CREATE INDEX `jobs_account_status` ON `jobs` (`account_id`,`status`,`id`);--> statement-breakpoint
CREATE INDEX `jobs_batch` ON `jobs` (`batch_id`,`id`) WHERE batch_id is not null;--> statement-breakpoint
CREATE INDEX `jobs_due` ON `jobs` (`due_at`,`id`) WHERE status = 'Pending';--> statement-breakpoint
CREATE INDEX `jobs_hint_due` ON `jobs` (`hint_due_at`) WHERE status = 'Pending';--> statement-breakpoint
CREATE INDEX `jobs_lease` ON `jobs` (`lease_expires_at`) WHERE status = 'Processing';--> statement-breakpoint
CREATE INDEX `jobs_links` ON `jobs` (`links_expire_at`) WHERE links_expire_at is not null;--> statement-breakpoint
CREATE INDEX `jobs_unfinished` ON `jobs` (`account_id`,`reserved_bytes`) WHERE finished_at is null;--> statement-breakpoint
CREATE INDEX `jobs_expiry` ON `jobs` (`expires_at`,`id`) WHERE expires_at is not null and object_key is not null;--> statement-breakpoint
CREATE INDEX `jobs_object` ON `jobs` (`object_key`,`expires_at`) WHERE object_key is not null;--> statement-breakpoint
CREATE INDEX `jobs_leftover` ON `jobs` (`finished_at`) WHERE upload_ref is not null and finished_at is not null;--> statement-breakpoint
CREATE TABLE `source_backoff` (
	`host` text PRIMARY KEY NOT NULL,
	`strikes` integer NOT NULL,
	`until` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `storage_configs` (
	`account_id` text PRIMARY KEY NOT NULL,
	`provider` text NOT NULL,
	`place` text NOT NULL,
	`bucket` text NOT NULL,
	`endpoint` text,
	`region` text,
	`folder_prefix` text,
	`base_folder` text NOT NULL,
	`access_key_masked` text NOT NULL,
	`sealed` text NOT NULL,
	`key_id` text NOT NULL,
	`updated_at` integer NOT NULL,
	FOREIGN KEY (`account_id`) REFERENCES `accounts`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `storage_configs_key` ON `storage_configs` (`key_id`);--> statement-breakpoint
CREATE TABLE `usage` (
	`account_id` text NOT NULL,
	`month` text NOT NULL,
	`jobs` integer NOT NULL,
	`delivered_bytes` integer NOT NULL,
	PRIMARY KEY(`account_id`, `month`)
);
--> statement-breakpoint
CREATE TABLE `webhook_deliveries` (
	`id` text PRIMARY KEY NOT NULL,
	`event_id` text NOT NULL,
	`account_id` text NOT NULL,
	`job_id` text,
	`batch_id` text,
	`kind` text NOT NULL,
	`type` text NOT NULL,
	`url` text NOT NULL,
	`body` text NOT NULL,
	`status` text NOT NULL,
	`tries` integer NOT NULL,
	`next_try_at` integer,
	`hint_due_at` integer,
	`last_status` integer,
	`last_error` text,
	`last_response_ms` integer,
	`delivered_at` integer,
	`failed_at` integer,
	`replay_of` text,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `webhook_deliveries_due` ON `webhook_deliveries` (`hint_due_at`) WHERE status = 'pending';--> statement-breakpoint
CREATE INDEX `webhook_deliveries_account` ON `webhook_deliveries` (`account_id`,`id`);--> statement-breakpoint
CREATE INDEX `webhook_deliveries_account_status` ON `webhook_deliveries` (`account_id`,`status`,`id`);--> statement-breakpoint
CREATE INDEX `webhook_deliveries_job` ON `webhook_deliveries` (`job_id`,`id`) WHERE job_id is not null;--> statement-breakpoint
CREATE TABLE `webhook_endpoints` (
	`account_id` text NOT NULL,
	`url` text NOT NULL,
	`last_success_at` integer,
	`last_failure_at` integer,
	`failing_since` integer,
	`disabled_at` integer,
	PRIMARY KEY(`account_id`, `url`)
);

CREATE TABLE `job_metadata` (
	`account_id` text NOT NULL,
	`key` text NOT NULL,
	`value` text NOT NULL,
	`job_id` text NOT NULL,
	PRIMARY KEY(`account_id`, `key`, `value`, `job_id`)
);
--> statement-breakpoint
CREATE INDEX `job_metadata_job` ON `job_metadata` (`job_id`);--> statement-breakpoint
ALTER TABLE `accounts` ADD `billing_day` integer;--> statement-breakpoint
ALTER TABLE `api_keys` ADD `allowed_ips` text;--> statement-breakpoint
ALTER TABLE `batches` ADD `metadata` text;--> statement-breakpoint
ALTER TABLE `batches` ADD `webhook_events` text;--> statement-breakpoint
-- Every statement that stores or removes a job with metadata does the same with its pairs; `jobMetadata` says why.
CREATE TRIGGER `jobs_stored_metadata` AFTER INSERT ON `jobs` WHEN json_extract(new.request, '$.metadata') IS NOT NULL
BEGIN
  INSERT INTO `job_metadata` (`account_id`, `key`, `value`, `job_id`)
  SELECT new.account_id, pair.key, pair.value, new.id FROM json_each(new.request, '$.metadata') AS pair;
END;
--> statement-breakpoint
CREATE TRIGGER `jobs_removed_metadata` AFTER DELETE ON `jobs` WHEN json_extract(old.request, '$.metadata') IS NOT NULL
BEGIN
  DELETE FROM `job_metadata` WHERE `job_id` = old.id;
END;

ALTER TABLE `accounts` ADD `sealed_slack_url` text;--> statement-breakpoint
ALTER TABLE `batches` ADD `sealed_show_url` text;--> statement-breakpoint
ALTER TABLE `batches` ADD `sealed_webhook_url` text;--> statement-breakpoint
ALTER TABLE `batches` ADD `sealing_key_id` text;--> statement-breakpoint
CREATE INDEX `batches_sealing` ON `batches` (`sealing_key_id`) WHERE sealing_key_id is not null;--> statement-breakpoint
ALTER TABLE `jobs` ADD `sealed_urls` text;--> statement-breakpoint
ALTER TABLE `jobs` ADD `sealed_webhook_url` text;--> statement-breakpoint
ALTER TABLE `jobs` ADD `sealing_key_id` text;--> statement-breakpoint
CREATE INDEX `jobs_sealing` ON `jobs` (`sealing_key_id`) WHERE sealing_key_id is not null;--> statement-breakpoint
ALTER TABLE `webhook_deliveries` ADD `sealed_url` text;--> statement-breakpoint
ALTER TABLE `webhook_endpoints` ADD `sealed_url` text;--> statement-breakpoint
-- Rows of former versions hold URLs with their passwords and tokens: marked, so that POST /admin/reseal seals them.
UPDATE `jobs` SET `sealing_key_id` = '' WHERE `url` GLOB '*[?#@=]*' OR coalesce(`media_url`, '') GLOB '*[?#@=]*' OR json_extract(`request`, '$.webhook_url') IS NOT NULL;--> statement-breakpoint
UPDATE `batches` SET `sealing_key_id` = '' WHERE coalesce(`show_url`, '') GLOB '*[?#@=]*' OR `webhook_url` IS NOT NULL;

CREATE TABLE `job_counts` (
	`account_id` text NOT NULL,
	`status` text NOT NULL,
	`jobs` integer NOT NULL,
	PRIMARY KEY(`account_id`, `status`)
);
--> statement-breakpoint
ALTER TABLE `accounts` ADD `swept_at` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
CREATE INDEX `accounts_swept` ON `accounts` (`swept_at`);--> statement-breakpoint
CREATE INDEX `batches_ended` ON `batches` (`account_id`,`finished_at`) WHERE finished_at is not null;--> statement-breakpoint
-- Every statement that stores, ends or removes a job changes the counts with it; `jobCounts` says why.
CREATE TRIGGER `jobs_stored_ended` AFTER INSERT ON `jobs` WHEN new.finished_at IS NOT NULL
BEGIN
  INSERT INTO `job_counts` (`account_id`, `status`, `jobs`) VALUES (new.account_id, new.status, 1)
  ON CONFLICT (`account_id`, `status`) DO UPDATE SET `jobs` = `jobs` + 1;
END;
--> statement-breakpoint
CREATE TRIGGER `jobs_ended` AFTER UPDATE OF `finished_at` ON `jobs` WHEN old.finished_at IS NULL AND new.finished_at IS NOT NULL
BEGIN
  INSERT INTO `job_counts` (`account_id`, `status`, `jobs`) VALUES (new.account_id, new.status, 1)
  ON CONFLICT (`account_id`, `status`) DO UPDATE SET `jobs` = `jobs` + 1;
END;
--> statement-breakpoint
CREATE TRIGGER `jobs_removed` AFTER DELETE ON `jobs` WHEN old.finished_at IS NOT NULL
BEGIN
  UPDATE `job_counts` SET `jobs` = `jobs` - 1 WHERE `account_id` = old.account_id AND `status` = old.status;
END;
--> statement-breakpoint
INSERT INTO `job_counts` (`account_id`, `status`, `jobs`)
SELECT `account_id`, `status`, count(*) FROM `jobs` WHERE `finished_at` IS NOT NULL GROUP BY `account_id`, `status`;

DROP INDEX `jobs_object`;--> statement-breakpoint
ALTER TABLE `jobs` ADD `publishing_key` text;--> statement-breakpoint
ALTER TABLE `jobs` ADD `object_stem` text;--> statement-breakpoint
ALTER TABLE `jobs` ADD `file_replaced_by` text;--> statement-breakpoint
ALTER TABLE `jobs` ADD `erasing_until` integer;--> statement-breakpoint
CREATE INDEX `jobs_stem` ON `jobs` (`account_id`,`object_stem`) WHERE object_key is not null;--> statement-breakpoint
ALTER TABLE `accounts` ADD `storage_prefix` text;--> statement-breakpoint
CREATE UNIQUE INDEX `accounts_storage_prefix` ON `accounts` (`storage_prefix`);--> statement-breakpoint
-- backfill: an account's default prefix is its id
UPDATE `accounts` SET `storage_prefix` = `id`;--> statement-breakpoint
-- backfill: what stands in front of a key's last dot
UPDATE `jobs` SET `object_stem` = rtrim(`object_key`, replace(`object_key`, '.', '')) WHERE `object_key` IS NOT NULL;--> statement-breakpoint
-- backfill: of the jobs that share a key, the object belongs to the one that ended last, whoever's it is in the managed bucket
UPDATE `jobs` SET `file_replaced_by` = `owner`.`id`, `links` = NULL, `links_expire_at` = NULL
FROM (
  SELECT `id`, `account_id`, `storage_source`, coalesce(`storage_place`, '') AS `place`, `object_key`, row_number() OVER (
    PARTITION BY `object_key`, coalesce(`storage_place`, ''), iif(`storage_source` = 'managed', '', `account_id`)
    ORDER BY `finished_at` DESC, `id` DESC
  ) AS `rank`
  FROM `jobs` WHERE `object_key` IS NOT NULL AND `finished_at` IS NOT NULL
) AS `owner`
WHERE `owner`.`rank` = 1 AND `owner`.`id` <> `jobs`.`id` AND `owner`.`object_key` = `jobs`.`object_key`
  AND `owner`.`place` = coalesce(`jobs`.`storage_place`, '') AND `jobs`.`finished_at` IS NOT NULL
  AND (`owner`.`storage_source` = 'managed' OR `owner`.`account_id` = `jobs`.`account_id`);--> statement-breakpoint
-- backfill: the same of subtitles and thumbnails, which files of one name share whatever their extension
UPDATE `jobs` SET `subtitle_key` = NULL, `thumbnail_key` = NULL, `subtitles` = NULL
FROM (
  SELECT `id`, `account_id`, `storage_source`, coalesce(`storage_place`, '') AS `place`, `object_stem`, row_number() OVER (
    PARTITION BY `object_stem`, coalesce(`storage_place`, ''), iif(`storage_source` = 'managed', '', `account_id`)
    ORDER BY `finished_at` DESC, `id` DESC
  ) AS `rank`
  FROM `jobs` WHERE `object_stem` IS NOT NULL AND coalesce(`subtitle_key`, `thumbnail_key`) IS NOT NULL
) AS `owner`
WHERE `owner`.`rank` = 1 AND `owner`.`id` <> `jobs`.`id` AND `owner`.`object_stem` = `jobs`.`object_stem`
  AND `owner`.`place` = coalesce(`jobs`.`storage_place`, '')
  AND coalesce(`jobs`.`subtitle_key`, `jobs`.`thumbnail_key`) IS NOT NULL
  AND (`owner`.`storage_source` = 'managed' OR `owner`.`account_id` = `jobs`.`account_id`);

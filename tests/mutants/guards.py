"""Which test is red without which sync, check or lock.

    KILLED_BY   test module -> test -> the sites that it guards
    EQUIVALENT  site -> why the package is as correct without it, and why it is there

A site that is in neither fails `test_mutants`. To guard a new one, write a test, or find one:

    python -m tests.mutants.discover 'wal:WriteAheadLog.append' tests.persistence.test_wal
"""

KILLED_BY: dict[str, dict[str, list[str]]] = {
    "tests.codecs.fst.test_reader": {
        "test_every_truncation_and_every_longer_buffer_is_refused_at_open": [
            "codecs.fst.reader:Fst.open:bound:1",
            "codecs.fst.reader:Fst.open:bound:2",
        ],
        "test_a_header_that_contradicts_itself_is_refused_at_open": [
            "codecs.fst.reader:Fst.open:bound:3",
            "codecs.fst.reader:Fst.open:bound:4",
        ],
        "test_verify_counts_the_terms_and_bytes_that_the_header_claims[8]": [
            "codecs.fst.reader:Fst.verify:bound:1",
        ],
    },
    "tests.codecs.test_bitpack": {
        "test_a_block_that_leaves_the_buffer_is_corrupt[0-5]": [
            "codecs.bitpack:unpack_block:bound:1",
        ],
    },
    "tests.codecs.test_checksum": {
        "test_a_wrong_checksum_names_file_offset_and_both_sums": [
            "codecs.checksum:check_crc32c:crc:1",
        ],
    },
    "tests.codecs.test_frame_sizes": {
        "test_a_frame_that_declares_another_size_is_not_decompressed[2]": [
            "codecs.frames:decompress:bound:2",
        ],
    },
    "tests.codecs.test_frames": {
        "test_a_size_that_so_few_bytes_cannot_have_is_refused_before_memory_is_taken": [
            "codecs.frames:decompress:bound:1",
        ],
    },
    "tests.codecs.test_varint": {
        "test_what_is_no_varint_is_corrupt[80 00-longer than 64 bits need]": [
            "codecs.varint:decode:bound:1",
        ],
        "test_more_values_than_bytes_are_refused_before_memory_is_taken": [
            "codecs.varint:decode_array:bound:1",
        ],
        "test_what_is_no_varint_is_corrupt[80-the end of the buffer]": [
            "codecs.varint:decode_array:bound:2",
        ],
    },
    "tests.codecs.test_words": {
        "test_tables_out_of_bounds_are_refused": [
            "codecs.words:WordTable.from_bytes:bound:1",
            "codecs.words:WordTable.from_bytes:bound:2",
        ],
        "test_a_code_that_ends_early_or_names_no_word_is_corruption[61c0-1]": [
            "codecs.words:WordTable.decode:bound:1",
        ],
        "test_more_text_than_allowed_is_refused_before_memory_is_taken": [
            "codecs.words:WordTable.decode:bound:2",
        ],
    },
    "tests.collection.test_batch": {
        "test_a_malformed_frame_is_corruption": [
            "collection.batch:_record:bound:1",
        ],
    },
    "tests.collection.test_contradictions": {
        "test_deletions_of_another_segment_or_of_a_false_count_are_refused": [
            "collection.live:LiveSegment.open:bound:1",
            "collection.live:LiveSegment.open:bound:2",
        ],
        "test_a_structure_of_other_documents_is_refused[ids]": [
            "collection.segment:Segment._open_ids:bound:1",
        ],
        "test_a_structure_of_other_documents_is_refused[index]": [
            "collection.segment:Segment.index:bound:1",
        ],
        "test_a_structure_of_other_documents_is_refused[vectors]": [
            "collection.segment:Segment.vectors:bound:1",
        ],
        "test_a_structure_of_other_documents_is_refused[encoded]": [
            "collection.segment:Segment.encoded:bound:1",
        ],
        "test_token_vectors_of_another_dimension_are_refused": [
            "collection.segment:Segment.multi_vectors:bound:1",
        ],
        "test_an_impossible_number_of_documents_is_refused[-1]": [
            "collection.segment:_read_meta:bound:1",
        ],
        "test_a_dictionary_that_names_terms_beyond_the_index_is_refused": [
            "lexical.inverted_index:InvertedIndex.ordinals:bound:1",
        ],
    },
    "tests.collection.test_database": {
        "test_a_second_writer_is_refused_and_told_who_writes": [
            "collection.opening:open_directory:take:1",
        ],
        "test_an_index_made_with_another_analyzer_is_refused": [
            "collection.entry:_read_entry:crc:1",
        ],
    },
    "tests.collection.test_documents": {
        "test_a_contradictory_table_is_corruption": [
            "collection.documents:DocumentStore._check:bound:1",
        ],
        "test_a_header_and_sections_of_different_forms_are_corruption[0-True]": [
            "collection.documents:DocumentStore._check_form:bound:1",
        ],
        "test_sizes_that_contradict_the_block_are_corruption": [
            "collection.documents:DocumentStore._decode:bound:1",
        ],
        "test_a_table_that_would_take_memory_is_refused_before_it_does": [
            "collection.documents:read_words:bound:1",
        ],
    },
    "tests.collection.test_durability": {
        "test_every_acknowledged_write_was_synced_once[sync]": [
            "collection.writing:Writer._commit_group:sync:1",
            "collection.commit_log:CommitLog.sync_to:sync:1",
        ],
        "test_without_durability_only_sync_and_flush_sync": [
            "collection.collection:Collection.sync:sync:1",
            "collection.commit_log:CommitLog.sync:sync:1",
            "collection.commit_log:CommitLog.sync_now:sync:1",
            "collection.database:Database.sync:sync:1",
        ],
    },
    "tests.collection.test_folder_crashes": {
        "test_a_folder_made_or_removed_is_durable_at_once": [
            "persistence.folders:open_folder:sync:1",
            "persistence.folders:remove_folder:sync:1",
        ],
        "test_a_new_folder_never_shows_without_its_files": [
            "persistence.folders:new_folder:sync:1",
        ],
        "test_every_crash_after_a_backup_has_all_of_the_archive": [
            "collection.backups:_new_file:sync:1",
            "collection.backups:_new_file:sync:2",
            "persistence.directory:sync_descriptor:sync:1",
            "persistence.directory:sync_folder:sync:1",
        ],
        "test_every_crash_after_a_restore_has_all_of_it[archive]": [
            "collection.backups:_restore_archive:sync:1",
            "persistence.folders:new_folder:sync:2",
        ],
        "test_every_crash_after_a_restore_has_all_of_it[folder]": [
            "persistence.folders:write_file:sync:1",
        ],
        "test_every_crash_around_a_checkpoint_leaves_none_or_all_of_it": [
            "persistence.checkpoints:clear_checkpoint:sync:1",
        ],
        "test_without_fdatasync_files_are_synced_by_fsync": [
            "persistence.directory:FSDirectory.sync_directory:sync:1",
            "persistence.directory:FSOutput.sync:sync:1",
            "persistence.directory:sync_descriptor:sync:2",
        ],
    },
    "tests.collection.test_guarded_state": {
        "test_a_background_thread_that_gives_up_is_forgotten_under_the_mutex": [
            "collection.compaction:Compaction._work:lock:2",
        ],
        "test_a_full_disk_is_noted_and_resumed_from_under_the_lock": [
            "collection.state:State.refuse_writes:lock:1",
            "collection.writing:Writer.resume:lock:1",
        ],
        "test_a_handle_is_closed_under_the_lock": [
            "collection.engine:Engine.close:lock:2",
        ],
        "test_a_handle_that_is_closed_or_a_collection_that_is_gone_is_not_synced_or_flushed": [
            "collection.handle:Handle._check_there:lock:1",
            "collection.commit_log:CommitLog.sync:lock:1",
        ],
        "test_a_lock_that_is_waited_for_patiently_is_held[False]": [
            "collection.compaction:Compaction._patiently:lock:1",
        ],
        "test_a_lock_that_is_waited_for_patiently_is_held[True]": [
            "collection.compaction:Compaction._patiently:take:1",
        ],
        "test_a_merge_is_begun_and_published_under_the_lock[False]": [
            "collection.compaction:Compaction._begin:lock:1",
            "collection.compaction:Compaction._run:lock:1",
        ],
        "test_a_merge_is_begun_and_published_under_the_lock[True]": [
            "collection.compaction:Compaction._locked:lock:1",
        ],
        "test_a_reading_handle_is_refreshed_under_both_of_its_locks[False]": [
            "collection.engine:Engine.close:lock:1",
            "collection.refresh:Follower._apply:lock:1",
            "collection.refresh:Follower.paused:lock:1",
            "collection.refresh:Follower.refresh:lock:1",
            "collection.refresh:Follower.refresh:lock:2",
        ],
        "test_a_reading_handle_is_refreshed_under_both_of_its_locks[True]": [
            "collection.refresh:Follower._reload:lock:1",
            "collection.refresh:Follower._reload:lock:2",
        ],
        "test_a_structure_of_a_segment_is_opened_once_under_its_lock": [
            "collection.segment:Segment._once:lock:1",
        ],
        "test_a_thread_is_only_waited_for_once_it_was_started": [
            "collection.compaction:Compaction.wait:lock:1",
        ],
        "test_blocks_of_documents_are_cached_under_a_lock": [
            "collection.documents:DocumentStore._block:lock:1",
            "collection.documents:DocumentStore._block:lock:2",
        ],
        "test_checkpoints_are_made_listed_and_dropped_under_the_lock": [
            "collection.checkpoint:drop_checkpoint:lock:1",
            "collection.checkpoint:make_checkpoint:lock:1",
            "collection.database:Database.checkpoints:lock:1",
        ],
        "test_closing_waits_for_the_merge_of_another_thread_to_end": [
            "collection.compaction:Compaction.stop:lock:1",
        ],
        "test_every_call_touches_the_collections_under_the_lock[compact]": [
            "collection.database:Database.compact:lock:1",
        ],
        "test_every_call_touches_the_collections_under_the_lock[contains]": [
            "collection.database:Database.__contains__:lock:1",
        ],
        "test_every_call_touches_the_collections_under_the_lock[create_collection]": [
            "collection.state:State.locked_for:lock:1",
            "collection.named_collections:add_collection:lock:1",
        ],
        "test_every_call_touches_the_collections_under_the_lock[delete]": [
            "collection.collection:Collection.__contains__:lock:1",
            "collection.changing:Changing.delete:lock:1",
        ],
        "test_every_call_touches_the_collections_under_the_lock[drop_collection]": [
            "collection.handle:Handle._locked:lock:1",
            "collection.named_collections:drop_collection:lock:1",
        ],
        "test_every_call_touches_the_collections_under_the_lock[fit_encoder]": [
            "collection.collection:Collection._encode_missing:lock:1",
            "collection.training:Encoders.fit:lock:1",
        ],
        "test_every_call_touches_the_collections_under_the_lock[flush]": [
            "collection.engine:Engine.flush:lock:1",
        ],
        "test_every_call_touches_the_collections_under_the_lock[get]": [
            "collection.collection:Collection.get:lock:1",
        ],
        "test_every_call_touches_the_collections_under_the_lock[get_collection]": [
            "collection.state:State.locked:lock:1",
            "collection.database:Database.get_collection:lock:1",
        ],
        "test_every_call_touches_the_collections_under_the_lock[info]": [
            "collection.collection:Collection.info:lock:1",
            "collection.database:Database.info:lock:1",
        ],
        "test_every_call_touches_the_collections_under_the_lock[len]": [
            "collection.collection:Collection.__len__:lock:1",
        ],
        "test_every_call_touches_the_collections_under_the_lock[list_collections]": [
            "collection.database:Database.list_collections:lock:1",
        ],
        "test_every_call_touches_the_collections_under_the_lock[metrics]": [
            "collection.observing:samples_of:lock:1",
        ],
        "test_every_call_touches_the_collections_under_the_lock[put]": [
            "collection.writing:Writer._commit_group:lock:1",
        ],
        "test_every_call_touches_the_collections_under_the_lock[readers]": [
            "collection.database:Database.readers:lock:1",
        ],
        "test_every_call_touches_the_collections_under_the_lock[search]": [
            "collection.collection:Collection._view:lock:1",
        ],
        "test_every_call_touches_the_collections_under_the_lock[search_across]": [
            "collection.across:search_across:lock:1",
        ],
        "test_every_call_touches_the_collections_under_the_lock[snapshot]": [
            "collection.collection:Collection.snapshot:lock:1",
        ],
        "test_every_call_touches_the_collections_under_the_lock[update]": [
            "collection.editing:Editor._commit:lock:1",
        ],
        "test_every_call_touches_the_collections_under_the_lock[verify]": [
            "collection.engine:Engine.verify:lock:1",
        ],
        "test_one_merge_runs_at_a_time_by_hand_and_in_the_background": [
            "collection.compaction:Compaction._merge_next:lock:1",
            "collection.compaction:Compaction.compact:lock:1",
        ],
        "test_sections_in_memory_are_made_once_under_their_lock": [
            "collection.memtable_segment:LazySections._make:lock:1",
        ],
        "test_the_background_thread_is_started_and_ended_under_the_mutex": [
            "collection.compaction:Compaction._wanted:lock:1",
            "collection.compaction:Compaction.wake:lock:1",
        ],
        "test_the_background_thread_looks_for_collections_under_the_lock": [
            "collection.compaction:Compaction._work:lock:1",
        ],
    },
    "tests.collection.test_ids": {
        "test_sections_that_contradict_each_other_are_corruption[-1-ids.hashes]": [
            "collection.arrays:array_of:bound:1",
        ],
        "test_sections_that_contradict_each_other_are_corruption[0-ids.hashes]": [
            "collection.ids:IdTable.__init__:bound:1",
        ],
        "test_sections_that_contradict_each_other_are_corruption[0-ids]": [
            "collection.ids:IdTable.__init__:bound:2",
        ],
        "test_a_merge_refuses_tables_that_contradict_themselves": [
            "collection.ids:IdTable.chosen:bound:1",
            "collection.ids:IdTable.chosen:bound:2",
        ],
        "test_a_doc_beyond_the_table_is_corruption": [
            "collection.ids:IdTable.find_many:bound:1",
        ],
    },
    "tests.collection.test_metrics": {
        "test_histograms_are_changed_under_the_lock_only": [
            "collection.metrics:Metrics.samples:lock:1",
        ],
    },
    "tests.collection.test_syncer": {
        "test_every_interval_is_synced_until_one_fails[0-3]": [
            "collection.syncer:_run:sync:1",
        ],
    },
    "tests.collection.test_unsynced_writes": {
        "test_closing_tells_when_what_was_acknowledged_could_not_be_synced": [
            "collection.commit_log:CommitLog.sync_refused:sync:1",
            "collection.engine:Engine.close:sync:1",
        ],
        "test_what_is_published_never_outlives_what_was_written_before[async]": [
            "collection.publishing:Publisher.publish:sync:1",
        ],
    },
    "tests.collection.test_verified": {
        "test_a_wrong_byte_between_two_sections_is_found_by_verify": [
            "collection.verify:verify_all:check:1",
        ],
        "test_an_encoder_of_another_model_is_refused": [
            "collection.training:Encoders.attach:check:1",
            "collection.encoders:EncoderSettings.check:crc:1",
        ],
        "test_an_encoder_with_any_wrong_byte_is_not_taken_over_by_a_repair": [
            "collection.repairs:_Salvage._encoder:check:1",
        ],
        "test_what_the_check_of_an_index_finds_is_reported": [
            "collection.verify:_lists:check:1",
        ],
    },
    "tests.collection.test_write_group": {
        "test_a_single_writer_touches_the_queue_under_the_mutex_only": [
            "collection.write_group:WriteGroup._enter:lock:1",
            "collection.write_group:WriteGroup._leave:lock:1",
        ],
        "test_nobody_leads_beside_a_leader": [
            "collection.write_group:WriteGroup._enter:take:1",
            "collection.write_group:WriteGroup._enter:take:2",
        ],
        "test_who_was_appointed_touches_the_queue_under_the_mutex_only": [
            "collection.write_group:WriteGroup._enter:lock:2",
        ],
    },
    "tests.encoders.test_lsa": {
        "test_another_version_or_analyzer_is_refused_as_such": [
            "encoders.lsa:LSAEncoder.open:crc:1",
        ],
    },
    "tests.lexical.test_bm25": {
        "test_another_analyzer_under_the_same_name_is_refused": [
            "lexical.bm25:BM25.open:crc:1",
        ],
    },
    "tests.lexical.test_bm25_verify": {
        "test_damage_that_opening_does_not_meet_is_found_by_verify": [
            "lexical.bm25:BM25.verify:check:1",
        ],
    },
    "tests.lexical.test_deleted": {
        "test_truncated_statistics_are_corruption[0]": [
            "lexical.deleted:DeletedStatistics.open:bound:1",
        ],
        "test_truncated_statistics_are_corruption[25]": [
            "lexical.deleted:DeletedStatistics.open:bound:2",
        ],
        "test_statistics_that_contradict_the_index_are_corruption": [
            "lexical.deleted:DeletedStatistics.open:bound:3",
        ],
    },
    "tests.lexical.test_inverted_index": {
        "test_verify_finds_lengths_and_frequencies_that_disagree": [
            "lexical.inverted_index:InvertedIndex.verify:bound:1",
        ],
        "test_empty_sections_are_corruption[index.t]": [
            "lexical.inverted_index:_expect:bound:1",
        ],
    },
    "tests.lexical.test_positions": {
        "test_verify_finds_positions_that_do_not_ascend": [
            "lexical.inverted_index:InvertedIndex.verify:check:1",
        ],
        "test_sections_of_another_size_are_damage": [
            "lexical.positions:Positions.open:bound:1",
            "lexical.positions:Positions.open:bound:2",
        ],
        "test_a_table_of_another_index_is_damage[16-255]": [
            "lexical.positions:Positions.verify:bound:1",
        ],
    },
    "tests.persistence.test_archive": {
        "test_contents_are_checked_by_themselves": [
            "persistence.archive:ArchiveReader._contents:crc:1",
        ],
        "test_limits_and_sizes_are_checked_before_anything_is_read": [
            "persistence.archive:ArchiveReader.__init__:bound:2",
            "persistence.archive:Entry.read:bound:1",
        ],
    },
    "tests.persistence.test_archive_checks": {
        "test_an_archive_that_ends_in_its_header_is_refused": [
            "persistence.archive:ArchiveReader._take:bound:1",
        ],
        "test_an_archive_that_lies_under_checksums_that_hold_is_refused[a name outside]": [
            "persistence.archive:ArchiveReader._entry:bound:2",
        ],
        "test_an_archive_that_lies_under_checksums_that_hold_is_refused[a name twice]": [
            "persistence.archive:ArchiveReader.__iter__:bound:1",
        ],
        "test_an_archive_that_lies_under_checksums_that_hold_is_refused[an empty name]": [
            "persistence.archive:ArchiveReader._entry:bound:1",
        ],
        "test_an_archive_that_lies_under_checksums_that_hold_is_refused[bytes behind its end]": [
            "persistence.archive:ArchiveReader._footer:bound:1",
        ],
        "test_an_archive_that_lies_under_checksums_that_hold_is_refused[too few bytes]": [
            "persistence.archive:ArchiveReader.__iter__:bound:3",
        ],
        "test_an_archive_that_lies_under_checksums_that_hold_is_refused[too many bytes]": [
            "persistence.archive:ArchiveReader.__iter__:bound:2",
        ],
        "test_an_archive_that_lies_under_checksums_that_hold_is_refused[no files]": [
            "persistence.archive:ArchiveReader.__init__:bound:1",
        ],
        "test_an_entry_is_checked_before_its_contents_are_given": [
            "persistence.archive:ArchiveReader._entry:check:1",
        ],
        "test_the_footer_is_checked_after_the_last_entry[-1]": [
            "persistence.archive:ArchiveReader.__iter__:check:1",
            "persistence.archive:ArchiveReader._footer:crc:1",
        ],
        "test_the_header_is_checked_before_the_first_entry": [
            "persistence.archive:ArchiveReader.__init__:check:1",
            "persistence.archive:ArchiveReader._check:crc:1",
        ],
    },
    "tests.persistence.test_bounds": {
        "test_a_file_above_the_limit_is_not_read": [
            "persistence.directory:FSDirectory.read:bound:1",
        ],
        "test_a_frame_without_its_last_byte_ends_the_log[0-0]": [
            "persistence.wal_frames:frame_end:bound:3",
        ],
        "test_a_manifest_of_another_size_than_it_says_is_refused[-1]": [
            "persistence.manifest:open_envelope:bound:2",
        ],
        "test_a_recorded_segment_with_another_magic_was_damaged_and_is_not_of_another_format": [
            "persistence.segment:SegmentReader.open:bound:3",
        ],
        "test_a_segment_that_claims_too_many_sections_is_refused_before_they_are_read": [
            "persistence.segment:_read_tail:bound:3",
        ],
    },
    "tests.persistence.test_crashes": {
        "test_a_quarantined_tail_survives_at_once": [
            "persistence.recovery:_replace:sync:1",
            "persistence.recovery:_replace:sync:2",
        ],
        "test_an_atomic_write_is_old_or_new_in_every_crash": [
            "persistence.segment:SegmentWriter.finish:sync:1",
            "persistence.segment:write_file_atomically:sync:1",
        ],
        "test_every_crash_leaves_a_prefix_with_everything_acknowledged": [
            "persistence.manifest:replace:sync:1",
            "persistence.manifest:stage:sync:1",
            "persistence.manifest:stage:sync:2",
            "persistence.wal:WriteAheadLog._open_file:sync:1",
            "persistence.wal:WriteAheadLog._open_file:sync:2",
            "persistence.wal:WriteAheadLog._rotate:sync:1",
            "persistence.wal:WriteAheadLog._sync_file:sync:1",
            "persistence.wal:WriteAheadLog.sync:sync:1",
        ],
        "test_going_on_after_a_full_disk_keeps_the_order": [
            "persistence.wal:WriteAheadLog.resume:sync:1",
        ],
    },
    "tests.persistence.test_directory": {
        "test_creating_syncs_each_new_folder_in_its_parent": [
            "persistence.directory:_make_folders:sync:1",
        ],
        "test_sync_pushes_the_file_and_sync_directory_the_folder": [
            "persistence.directory:FSDirectory.sync:sync:1",
        ],
    },
    "tests.persistence.test_group_commit": {
        "test_an_interrupted_waiter_that_was_given_the_lead_passes_it_on": [
            "persistence.group_commit:GroupCommit._enter:take:1",
        ],
        "test_without_an_lsn_the_lead_is_always_waited_for": [
            "persistence.group_commit:_Waiter.__init__:take:1",
        ],
    },
    "tests.persistence.test_guarded_state": {
        "test_a_full_log_is_resumed_under_the_lock_by_the_leader": [
            "persistence.wal:WriteAheadLog.append_many:lock:1",
            "persistence.wal:WriteAheadLog.resume:lock:1",
            "persistence.wal:WriteAheadLog.resume:lock:2",
        ],
        "test_a_folder_in_memory_is_found_to_be_empty_under_its_own_mutex": [
            "persistence.memory_directory:MemoryDirectory.remove_folder:lock:2",
        ],
        "test_a_memory_directory_is_read_and_changed_under_its_mutex[create]": [
            "persistence.memory_directory:MemoryDirectory.create:lock:1",
        ],
        "test_a_memory_directory_is_read_and_changed_under_its_mutex[cut]": [
            "persistence.memory_directory:MemoryDirectory.cut:lock:1",
        ],
        "test_a_memory_directory_is_read_and_changed_under_its_mutex[delete]": [
            "persistence.memory_directory:MemoryDirectory.delete:lock:1",
        ],
        "test_a_memory_directory_is_read_and_changed_under_its_mutex[exists]": [
            "persistence.memory_directory:MemoryDirectory.exists:lock:1",
        ],
        "test_a_memory_directory_is_read_and_changed_under_its_mutex[files]": [
            "persistence.memory_directory:MemoryDirectory.files:lock:1",
        ],
        "test_a_memory_directory_is_read_and_changed_under_its_mutex[folder]": [
            "persistence.memory_directory:MemoryDirectory.folder:lock:1",
        ],
        "test_a_memory_directory_is_read_and_changed_under_its_mutex[folders]": [
            "persistence.memory_directory:MemoryDirectory.folders:lock:1",
        ],
        "test_a_memory_directory_is_read_and_changed_under_its_mutex[link to]": [
            "persistence.memory_directory:MemoryDirectory.link:lock:2",
        ],
        "test_a_memory_directory_is_read_and_changed_under_its_mutex[link]": [
            "persistence.memory_directory:MemoryDirectory.link:lock:1",
        ],
        "test_a_memory_directory_is_read_and_changed_under_its_mutex[list]": [
            "persistence.memory_directory:MemoryDirectory.list:lock:1",
        ],
        "test_a_memory_directory_is_read_and_changed_under_its_mutex[lock]": [
            "persistence.memory_directory:MemoryDirectory.lock:lock:1",
        ],
        "test_a_memory_directory_is_read_and_changed_under_its_mutex[open]": [
            "persistence.memory_directory:MemoryDirectory.open:lock:1",
        ],
        "test_a_memory_directory_is_read_and_changed_under_its_mutex[read]": [
            "persistence.memory_directory:MemoryDirectory.read:lock:1",
        ],
        "test_a_memory_directory_is_read_and_changed_under_its_mutex[remove_folder]": [
            "persistence.memory_directory:MemoryDirectory.remove_folder:lock:1",
        ],
        "test_a_memory_directory_is_read_and_changed_under_its_mutex[rename]": [
            "persistence.memory_directory:MemoryDirectory.rename:lock:1",
        ],
        "test_a_memory_directory_is_read_and_changed_under_its_mutex[size]": [
            "persistence.memory_directory:MemoryDirectory.size:lock:1",
        ],
        "test_a_memory_directory_is_read_and_changed_under_its_mutex[sync]": [
            "persistence.memory_directory:MemoryDirectory.sync:lock:1",
        ],
        "test_a_memory_directory_is_read_and_changed_under_its_mutex[unlock]": [
            "persistence.memory_directory:MemoryLock.release:lock:1",
        ],
        "test_an_interrupted_waiter_leaves_the_queue_under_the_mutex": [
            "persistence.group_commit:GroupCommit._enter:lock:2",
        ],
        "test_frames_are_appended_under_the_lock_and_synced_by_the_leader[close]": [
            "persistence.wal:WriteAheadLog.close:lock:1",
            "persistence.wal:WriteAheadLog.close:lock:2",
        ],
        "test_frames_are_appended_under_the_lock_and_synced_by_the_leader[rotate]": [
            "persistence.wal:WriteAheadLog._rotate:lock:1",
            "persistence.wal:WriteAheadLog.rotate:lock:1",
        ],
        "test_nobody_leads_beside_a_leader": [
            "persistence.group_commit:GroupCommit._enter:lock:1",
        ],
        "test_only_the_leader_syncs": [
            "persistence.wal:WriteAheadLog.sync:lock:1",
        ],
        "test_waiters_for_a_sync_queue_up_and_leave_under_the_mutex": [
            "persistence.group_commit:GroupCommit._leave:lock:1",
        ],
        "test_who_holds_which_directory_is_looked_up_and_noted_under_the_mutex": [
            "persistence.lock:FileLock.acquire:lock:1",
            "persistence.lock:FileLock.acquire:take:1",
            "persistence.lock:FileLock.release:lock:1",
        ],
    },
    "tests.persistence.test_ids": {
        "test_damaged_sections_are_corruption": [
            "persistence.ids:Ids._string:bound:1",
            "persistence.ids:_expect_size:bound:1",
        ],
    },
    "tests.persistence.test_image": {
        "test_a_copy_of_damaged_contents_is_never_published": [
            "persistence.image:finish_copy:check:1",
        ],
        "test_a_copy_without_one_of_its_files_is_never_published": [
            "persistence.image:finish_copy:bound:1",
        ],
    },
    "tests.persistence.test_lock": {
        "test_a_second_path_to_the_same_folder_is_the_same_lock": [
            "persistence.directory:FSDirectory.lock:take:1",
        ],
    },
    "tests.persistence.test_manifest": {
        "test_a_file_above_the_limit_is_not_read": [
            "persistence.memory_directory:MemoryDirectory.read:bound:1",
        ],
        "test_a_manifest_that_breaks_a_rule_is_corruption": [
            "persistence.manifest:decode_payload:bound:1",
        ],
        "test_every_changed_byte_and_every_truncation_is_detected": [
            "persistence.manifest:open_envelope:bound:1",
            "persistence.manifest:open_envelope:crc:1",
        ],
    },
    "tests.persistence.test_reader_marks": {
        "test_a_released_mark_is_gone_although_its_descriptor_was_copied": [
            "persistence.readers:ReaderMark.release:take:1",
        ],
    },
    "tests.persistence.test_readers": {
        "test_moving_replaces_the_mark_and_releasing_removes_it": [
            "persistence.readers:ReaderMark.move:take:1",
            "persistence.readers:ReaderMark.move:take:2",
        ],
    },
    "tests.persistence.test_recovery": {
        "test_a_log_that_ends_before_what_is_flushed_is_damage": [
            "persistence.recovery:_check_log:bound:3",
        ],
        "test_a_lost_manifest_is_damage_and_nothing_is_cleared[segment]": [
            "persistence.recovery:remove_orphans:bound:1",
        ],
        "test_a_lost_segment_or_log_file_is_damage": [
            "persistence.recovery:_check_log:bound:1",
        ],
        "test_every_changed_byte_is_noticed_or_harmless": [
            "persistence.recovery:_check_log:bound:2",
        ],
    },
    "tests.persistence.test_segment": {
        "test_a_file_of_another_kind_is_refused": [
            "persistence.segment:SegmentReader.open:bound:4",
        ],
        "test_a_section_is_verified_once_and_again_by_verify": [
            "persistence.segment:SegmentReader.section:crc:1",
        ],
        "test_every_changed_byte_is_detected_or_harmless": [
            "persistence.segment:SegmentReader._check_padding:bound:1",
            "persistence.segment:SegmentReader.open:crc:2",
            "persistence.segment:_read_header:crc:1",
            "persistence.segment:_read_tail:bound:1",
            "persistence.segment:_read_tail:crc:1",
        ],
        "test_every_truncation_is_detected_even_without_a_record_of_the_size": [
            "persistence.segment:SegmentReader.open:bound:2",
        ],
        "test_forged_tables_are_refused": [
            "persistence.segment:_read_table:bound:1",
            "persistence.segment:_read_table:bound:2",
            "persistence.segment:_read_table:bound:3",
            "persistence.segment:_read_table:bound:4",
            "persistence.segment:_read_tail:bound:2",
        ],
        "test_size_and_checksum_must_be_the_recorded_ones": [
            "persistence.segment:SegmentReader.open:bound:1",
            "persistence.segment:SegmentReader.open:crc:1",
        ],
    },
    "tests.persistence.test_wal": {
        "test_closing_syncs_and_leaves_a_witness": [
            "persistence.wal:WriteAheadLog.close:sync:1",
        ],
    },
    "tests.persistence.test_wal_salvage": {
        "test_a_header_is_rebuilt_from_what_it_must_have_been": [
            "persistence.wal_salvage:_seed:crc:1",
        ],
    },
    "tests.persistence.test_wal_scan": {
        "test_a_damaged_header_above_frames_is_damage": [
            "persistence.wal_frames:read_header:crc:1",
        ],
        "test_a_file_of_another_database_or_number_is_damage": [
            "persistence.wal_frames:read_header:bound:1",
        ],
        "test_a_first_lsn_out_of_range_is_damage": [
            "persistence.wal_frames:read_header:bound:2",
        ],
        "test_a_log_that_ends_with_its_frames_is_clean": [
            "persistence.wal_frames:frame_end:bound:1",
        ],
        "test_forged_frames_end_the_log": [
            "persistence.wal_frames:frame_end:bound:2",
        ],
        "test_the_witness_of_a_clean_close_betrays_damage_to_the_last_frame": [
            "persistence.wal_frames:frame_end:crc:1",
        ],
    },
    "tests.adapters.test_guarded": {
        "test_a_path_is_leased_under_the_lock": ["adapters.databases:lease:lock:1"],
        "test_a_lease_ends_under_the_lock": ["adapters.databases:Lease.close:lock:1"],
        "test_a_database_of_the_caller_is_leased_under_the_lock": [
            "adapters.databases:_lease_of:lock:1",
        ],
        "test_a_haystack_store_writes_one_call_at_a_time[write]": [
            "adapters.haystack.document_store:RankRetrieveDocumentStore.write_documents:lock:1",
        ],
        "test_a_haystack_store_writes_one_call_at_a_time[delete]": [
            "adapters.haystack.document_store:RankRetrieveDocumentStore.delete_documents:lock:1",
        ],
        "test_a_haystack_store_writes_one_call_at_a_time[delete all]": [
            "adapters.haystack.document_store:RankRetrieveDocumentStore.delete_all_documents:lock:1",
        ],
        "test_a_haystack_store_writes_one_call_at_a_time[delete by filter]": [
            "adapters.haystack.document_store:RankRetrieveDocumentStore.delete_by_filter:lock:1",
        ],
        "test_a_haystack_store_writes_one_call_at_a_time[update by filter]": [
            "adapters.haystack.document_store:RankRetrieveDocumentStore.update_by_filter:lock:1",
        ],
    },
    "tests.encoders.test_cached": {
        "test_the_file_is_touched_under_the_lock[count]": [
            "encoders.cached:CachedEncoder.__len__:lock:1",
        ],
        "test_the_file_is_touched_under_the_lock[look up]": [
            "encoders.cached:CachedEncoder._known:lock:1",
        ],
        "test_the_file_is_touched_under_the_lock[keep]": [
            "encoders.cached:CachedEncoder._keep:lock:1",
        ],
        "test_the_file_is_touched_under_the_lock[close]": [
            "encoders.cached:CachedEncoder.close:lock:1",
        ],
        "test_a_damaged_row_is_encoded_again": ["encoders.cached:_is_whole:crc:1"],
    },
    "tests.plugins.test_tantivy": {
        "test_an_index_of_another_analyzer_is_refused": ["plugins.tantivy:Tantivy.open:crc:1"],
    },
    "tests.dense.test_ivfpq_growth": {
        "test_a_merge_learns_anew_where_it_must[options]": [
            "dense.ivfpq_growth:merge_lists:crc:1",
        ],
    },
}

EQUIVALENT: dict[str, str] = {
    "_numba:_lazily:lock:1": (
        "Numba's `compile` takes the same re-entrant lock, and returns what another thread compiled"
        " meanwhile; taken around both, so that no thread asks twice"
    ),
    "codecs.frames:decompress:bound:3": (
        "zstd itself refuses content of another length than its frame declares, which was compared"
        " before; memory should not rest on another library's word alone"
    ),
    "collection.compaction:Compaction._locked:lock:2": (
        "the same re-entrant lock is held already, by `_patiently`; this one is taken for what it"
        " checks: that the handle is open and may write"
    ),
}


def guards() -> dict[str, str]:
    """The test, `module::name`, of every site that has one."""
    return {
        site: f"{module}::{test}"
        for module, tests in KILLED_BY.items()
        for test, sites in tests.items()
        for site in sites
    }

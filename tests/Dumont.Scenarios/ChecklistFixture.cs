using System.Text.Json.Nodes;
using Dumont.Scenarios.Harness;

namespace Dumont.Scenarios;

/// <summary>One world for the checklist's lines on snapshots and syncs, whose repositories are all in one kind of place. Its instance lives as long as it.</summary>
/// <remarks>
/// The numbers are lines of the checklist; what is not about snapshots or syncs is left out. Those of the hundred scenarios are in <see cref="SnapshotScenarios"/>.
/// <list type="table">
/// <listheader><term>line of the checklist</term><description>test</description></listheader>
/// <item><term>118 compression by Bitshuffle and LZ4</term><description><see cref="SnapshotChecklist.Create_Numbers_AreCodedByBitshuffleAndLz4"/></description></item>
/// <item><term>119 deduplication with restic</term><description><see cref="SnapshotChecklist.Create_WithRestic_SameContentIsStoredOnce"/></description></item>
/// <item><term>120 time of compression and upload</term><description><see cref="SnapshotChecklist.Create_IsMeasured_InTheAnswerAndInTheMetrics"/></description></item>
/// <item><term>121 ratio</term><description><see cref="SnapshotChecklist.Create_Text_TellsTheRatioThatItReached"/></description></item>
/// <item><term>122 transfer of many files at once</term><description><see cref="SnapshotChecklist.Create_ManySmallFiles_TravelInFewObjects"/>; against other programs: <c>./dumont bench transfer</c></description></item>
/// <item><term>123 Backblaze B2</term><description><see cref="BucketSnapshotChecklist.Storage_OfBackblaze_IsTestedWrittenAndReadBack"/>: its interface, not the paid service</description></item>
/// <item><term>124 rate of transfer</term><description><see cref="SnapshotChecklist.Create_BytesSent_AreWhatTheStoreGrewBy"/>; the rate itself: <c>./dumont bench transfer</c></description></item>
/// <item><term>125 snapshots of different sizes</term><description><see cref="SnapshotChecklist.Create_OfEachSize_ComesBackTheSame"/></description></item>
/// <item><term>126 metadata</term><description><see cref="SnapshotChecklist.Create_Metadata_AreKeptListedAndFound"/></description></item>
/// <item><term>129 the first is complete</term><description><see cref="SnapshotChecklist.First_SendsEverything"/></description></item>
/// <item><term>130, 131 files change, an incremental one is made</term><description><see cref="SnapshotChecklist.Incremental_TellsWhatChanged"/></description></item>
/// <item><term>132 only what changed is sent</term><description><see cref="SnapshotChecklist.Incremental_SendsOnlyWhatChanged"/></description></item>
/// <item><term>133 10 to 100 times faster</term><description><see cref="SnapshotChecklist.Incremental_IsAHundredthOfTheFirst"/>; the time itself: <c>./dumont bench snapshots</c></description></item>
/// <item><term>134 several incremental ones</term><description><see cref="SnapshotChecklist.Incremental_SeveralInARow_EachIsWhole"/></description></item>
/// <item><term>135 deduplication between snapshots</term><description><see cref="SnapshotChecklist.Incremental_MovedAndCopiedContent_IsNotSentAgain"/></description></item>
/// <item><term>136 integrity</term><description><see cref="SnapshotChecklist.Verify_OneBitFlipped_IsFound"/></description></item>
/// <item><term>139 into a new instance</term><description><see cref="SnapshotScenarios.Restore_ToAnotherGpu_HasEveryFileAsItWas"/></description></item>
/// <item><term>140 integrity of what is restored</term><description><see cref="RestoreChecklist.Restore_HasEveryFileAsItWas"/></description></item>
/// <item><term>141 some files only</term><description><see cref="SnapshotScenarios.Restore_OfSomePaths_LeavesTheRestAlone"/></description></item>
/// <item><term>142 rate of decompression</term><description><see cref="RestoreChecklist.Restore_TellsBytesAndTime"/>; the rate itself: <c>./dumont bench codecs</c></description></item>
/// <item><term>143 other kinds of machine</term><description><see cref="RestoreChecklist.Restore_OnAMachineOfAnotherKind_IsTheSame"/>; another model: <see cref="SnapshotScenarios.Restore_ToAnotherGpu_HasEveryFileAsItWas"/></description></item>
/// <item><term>144 restore points</term><description><see cref="RestoreChecklist.Restore_ToEachPoint_ThereAndBack"/></description></item>
/// <item><term>145 failure and rollback</term><description><see cref="RestoreChecklist.Restore_ThatFails_LeavesEverythingAsItWas"/></description></item>
/// <item><term>100 snapshot by hand, 101 into a new instance</term><description><see cref="SnapshotScenarios.Snapshot_FullThenIncremental_SendsOnlyChanges"/>, <see cref="SnapshotScenarios.Restore_ToAnotherGpu_HasEveryFileAsItWas"/></description></item>
/// <item><term>88, 92 snapshot before hibernation, restore when it wakes</term><description>none: there is no hibernation yet</description></item>
/// <item><term>152, 155 snapshot and restore of a migration</term><description>none as such: there is no migration yet; its two halves are 129 and 139</description></item>
/// <item><term>231 incremental syncs by themselves</term><description><see cref="SyncChecklist.Schedule_ItsTimeHasCome_TakesAnIncrementalSnapshot"/>; each second, to a standby: <see cref="StandbyTests.Create_WithAutoStandby_HasOneThatReceivesItsFiles"/></description></item>
/// <item><term>232 only new and changed data are sent</term><description><see cref="SyncChecklist.Sync_SendsOnlyWhatIsNewOrChanged"/></description></item>
/// <item><term>233 history with versions</term><description><see cref="SyncChecklist.History_EachVersionOfAFile_CanBeHadAgain"/></description></item>
/// <item><term>234 some files only</term><description><see cref="SyncChecklist.Restore_OfOneFileOfASync_LeavesTheRest"/></description></item>
/// <item><term>235 deduplication</term><description><see cref="SyncChecklist.Sync_CopiedContent_IsNotSentAgain"/></description></item>
/// <item><term>236 several restore points</term><description><see cref="SyncChecklist.Restore_ToEachSync_ThereAndBack"/></description></item>
/// <item><term>239 time of the first sync</term><description><see cref="SyncChecklist.FirstSync_SendsEverythingAndIsMeasured"/></description></item>
/// <item><term>240 later syncs 10 to 100 times faster</term><description><see cref="SyncChecklist.LaterSync_IsAHundredthOfTheFirst"/></description></item>
/// <item><term>241 large volumes</term><description><see cref="SyncChecklist.Sync_OfALargeTree_IsWholeAndThenSendsNothing"/></description></item>
/// <item><term>242 integrity</term><description><see cref="SyncChecklist.Sync_WhatIsKept_IsWhatWasThere"/></description></item>
/// <item><term>243 recovery from failures</term><description><see cref="SyncChecklist.Sync_ThatFailed_IsToldAndTheNextOneWorks"/>, <see cref="SyncChecklist.Sync_ServerKilledMeanwhile_IsMadeOnce"/>, <see cref="BucketSyncChecklist.Sync_StoreFailsForAWhile_IsMadeAllTheSame"/></description></item>
/// <item><term>298 status of syncs</term><description><see cref="SyncChecklist.Status_IsToldForOneInstanceAndForAll"/>; the page that shows all machines in real time is not there yet</description></item>
/// <item><term>322, 328, 329 latency, bytes and files of syncs as metrics</term><description><see cref="SyncChecklist.Metrics_CountLatencyBytesAndFiles"/></description></item>
/// <item><term>319 to 321, 323 to 327 other metrics; 341, 342 alerts on syncs</term><description>not about snapshots, or not there yet: costs, savings and alerts have no feature</description></item>
/// </list>
/// </remarks>
public abstract class ChecklistFixture : WorldFixture
{
    private Workplace? _place;

    /// <summary>The one workplace; made when it is first asked for.</summary>
    internal async Task<Workplace> PlaceAsync(ITestOutputHelper output) => (_place ??= await Workplace.CreateAsync(World, await StorageAsync())).For(output);

    /// <summary>The storage settings that lead to this kind of place.</summary>
    private protected abstract Task<JsonObject> StorageAsync();

    private protected override Task EndAsync() => World.ClearAsync(CancellationToken.None);
}

/// <summary>Repositories in folders of the server's disk.</summary>
public sealed class FolderChecklistFixture : ChecklistFixture
{
    private protected override Task<JsonObject> StorageAsync() =>
        Task.FromResult(new JsonObject { ["primary_provider"] = "local", ["engine"] = "dumont" });
}

/// <summary>Repositories in a bucket of an S3 service.</summary>
public sealed class BucketChecklistFixture : ChecklistFixture
{
    private protected override Task<JsonObject> StorageAsync() => World.Cloud.StorageAsync("dumont", TestContext.Current.CancellationToken);
}

[CollectionDefinition(Name)]
public sealed class FolderChecklist : ICollectionFixture<FolderChecklistFixture>
{
    public const string Name = "checklist, repositories in folders";
}

[CollectionDefinition(Name)]
public sealed class BucketChecklist : ICollectionFixture<BucketChecklistFixture>
{
    public const string Name = "checklist, repositories in a bucket";
}

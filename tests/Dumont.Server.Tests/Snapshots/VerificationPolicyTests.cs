using Dumont.Server.Snapshots;
using Dumont.Snapshots.Engines;

namespace Dumont.Server.Tests.Snapshots;

public sealed class VerificationPolicyTests
{
    private static readonly DateTimeOffset Start = DateTimeOffset.UnixEpoch.AddYears(56);
    private static readonly TimeSpan Day = TimeSpan.FromDays(1);
    private static readonly VerifyResult Sound = new([], [], [], 100);
    private static readonly VerifyResult Damaged = new(["packs/aa: broken"], ["s1"], ["packs/aa"], 100);

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(30)]
    [InlineData(VerificationPolicy.DaysMax)]
    public void Round_CheckedEachDay_ReadsEachPartOnceInSoManyDays(int days)
    {
        var known = new Verification();
        var read = new List<int>();
        for (var day = 0; day < days; day++)
        {
            var now = Start + (day * Day);
            var parts = VerificationPolicy.PartsDue(known, days, Day, now);
            read.AddRange(parts.Select(part => part.Number));
            known = VerificationPolicy.AfterCheck(known, Automatic(parts), Sound, Day, now);
            Assert.Equal(now + Day, VerificationPolicy.NextAt(known, Start, Day));
        }

        Assert.Equal(Enumerable.Range(1, days), read);
        Assert.Equal((days, Start + ((days - 1) * Day), 100L * days), (known.PartsDone, known.AllReadAt, known.BytesRead));
        Assert.Equal(1, VerificationPolicy.PartsDue(known, days, Day, Start + (days * Day))[0].Number);
    }

    [Fact]
    public void Round_DaysMissed_ReadsSoManyPartsMoreAndNeverBeyondItsEnd()
    {
        var known = After(new Verification(), 30, Start);
        Assert.Equal([2, 3, 4, 5], Numbers(known, 30, Start + (4 * Day) + TimeSpan.FromHours(1)));
        Assert.Equal(Enumerable.Range(2, 29), Numbers(known, 30, Start + (400 * Day)));
        Assert.Equal([2], Numbers(known, 30, Start + TimeSpan.FromHours(1)));
    }

    [Fact]
    public void Round_OtherNumberOfDays_BeginsAnew()
    {
        var known = After(After(new Verification(), 30, Start), 30, Start + Day);
        Assert.Equal([new VerifyPart(1, 7)], VerificationPolicy.PartsDue(known, 7, Day, Start + (2 * Day)));
        known = After(known, 7, Start + (2 * Day));
        Assert.Equal((7, 1, Start + (2 * Day), 100L), (known.Parts, known.PartsDone, known.RoundStartedAt, known.BytesRead));
    }

    [Fact]
    public void Damage_IsRememberedReadAgainAndForgottenOnceItIsGone()
    {
        var known = VerificationPolicy.AfterCheck(new Verification(), Automatic([new VerifyPart(1, 30)]), Damaged, Day, Start);
        Assert.Equal((Start, 1), (known.DamagedSince, known.Damage.Count));
        Assert.Equal("packs/aa", Assert.Single(known.DamagedPacks));
        Assert.Equal("s1", Assert.Single(known.DamagedSnapshots!));
        Assert.True(VerificationPolicy.IsNews(new Verification(), known));

        var again = VerificationPolicy.AfterCheck(known, Automatic([new VerifyPart(2, 30)]), Damaged, Day, Start + Day);
        Assert.Equal(Start, again.DamagedSince);
        Assert.False(VerificationPolicy.IsNews(known, again));

        var healed = VerificationPolicy.AfterCheck(again, Automatic([new VerifyPart(3, 30)]), Sound, Day, Start + (2 * Day));
        Assert.Equal((null, 0, 0), (healed.DamagedSince, healed.Damage.Count, healed.DamagedPacks.Count));
    }

    [Fact]
    public void Damage_WithoutNamesOfPacks_HasItsPartsReadAgain()
    {
        var unnamed = Damaged with { Packs = [], SnapshotIds = null };
        var known = VerificationPolicy.AfterCheck(new Verification(), Automatic([new VerifyPart(1, 30)]), unnamed, Day, Start);
        Assert.Equal([new VerifyPart(1, 30)], known.DamagedParts);
        known = VerificationPolicy.AfterCheck(known, Automatic([new VerifyPart(2, 30)]) with { VerifyAgain = known.DamagedParts }, unnamed, Day, Start + Day);
        Assert.Equal([new VerifyPart(2, 30), new VerifyPart(1, 30)], known.DamagedParts);
    }

    [Fact]
    public void Check_ThatTheUserAskedFor_MovesNoTurn()
    {
        var known = After(new Verification(), 30, Start);
        var looked = VerificationPolicy.AfterCheck(known, new OperationDocument(), Sound, Day, Start + TimeSpan.FromHours(5));
        Assert.Equal((known.NextAt, known.PartsDone, known.SampledAt), (looked.NextAt, looked.PartsDone, looked.SampledAt));
        Assert.Equal(Start + TimeSpan.FromHours(5), looked.CheckedAt);
        var all = VerificationPolicy.AfterCheck(known, new OperationDocument { Verify = true }, Sound, Day, Start + TimeSpan.FromHours(6));
        Assert.Equal((0, Start + TimeSpan.FromHours(6)), (all.PartsDone, all.AllReadAt));
    }

    [Fact]
    public void Check_ThatFailsOrIsCancelled_KeepsWhatIsKnownAndComesAgain()
    {
        var known = VerificationPolicy.AfterCheck(new Verification(), Automatic([new VerifyPart(1, 30)]), Damaged, Day, Start);
        var failed = VerificationPolicy.AfterFailure(known, Automatic([]), "the store is away", Day, Start + Day);
        Assert.Equal(("the store is away", Start + Day + (Day / 4), 1, known.SampledAt), (failed.Error, failed.NextAt, failed.Damage.Count, failed.SampledAt));
        Assert.Equal(Start + (2 * Day), VerificationPolicy.AfterCancel(known, Automatic([]), Day, Start + Day).NextAt);
        Assert.Equal(Start + Day, VerificationPolicy.NextAt(new Verification(), Start, Day));
    }

    private static Verification After(Verification known, int days, DateTimeOffset now) =>
        VerificationPolicy.AfterCheck(known, Automatic(VerificationPolicy.PartsDue(known, days, Day, now)), Sound, Day, now);

    private static IEnumerable<int> Numbers(Verification known, int days, DateTimeOffset now) =>
        VerificationPolicy.PartsDue(known, days, Day, now).Select(part => part.Number);

    private static OperationDocument Automatic(IReadOnlyList<VerifyPart> parts) => new() { VerifyParts = parts, IsAutomatic = true };
}

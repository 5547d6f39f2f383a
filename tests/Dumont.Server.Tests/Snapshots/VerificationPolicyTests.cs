using Dumont.Server.Snapshots;
using Dumont.Snapshots.Engines;

namespace Dumont.Server.Tests.Snapshots;

public sealed class VerificationPolicyTests
{
    private static readonly DateTimeOffset Start = DateTimeOffset.UnixEpoch.AddYears(56);
    private static readonly TimeSpan Day = TimeSpan.FromDays(1);
    private static readonly VerifyResult Sound = VerifyResult.Sound(bytesRead: 100);
    private static readonly VerifyResult Damaged = new(["packs/aa: broken"], ["s1"], ["packs/aa"], [], 100);

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
            known = VerificationPolicy.AfterCheck(known, Automatic(parts), now, Sound, Day, now);
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
    public void Round_ChecksThatTakeLong_KeepTheirTurns()
    {
        var known = new Verification();
        var (due, read) = (Start, new List<int>());
        while (known.AllReadAt is null)
        {
            var parts = VerificationPolicy.PartsDue(known, 30, Day, due);
            read.AddRange(parts.Select(part => part.Number));
            known = VerificationPolicy.AfterCheck(known, Automatic(parts), due, Sound, Day, due + (read.Count == 3 ? 2.5 * Day : TimeSpan.FromHours(3)));
            due = known.NextAt!.Value;
        }

        // The third took over the fourth and the fifth turn; the next one made up for them.
        Assert.Equal(Enumerable.Range(1, 30), read);
        Assert.Equal((Start, Start + (30 * Day)), (known.RoundStartedAt, due));
        Assert.Equal((Start + (29 * Day) + TimeSpan.FromHours(3)), known.AllReadAt);
    }

    [Fact]
    public void Round_AfterAFailure_ComesBackToItsTurns()
    {
        var known = After(new Verification(), 30, Start);
        known = VerificationPolicy.AfterFailure(known, Automatic([]), "the store is away", Day, Start + Day);
        var retry = known.NextAt!.Value;
        Assert.Equal([2], Numbers(known, 30, retry));
        known = After(known, 30, retry);
        Assert.Equal((Start, Start + (2 * Day), 2), (known.RoundStartedAt, known.NextAt, known.PartsDone));
    }

    [Fact]
    public void Round_TurnsMissedBeforeItsFirst_AreMadeUpForAndCounted()
    {
        var known = new Verification();
        for (var day = 0; day < 7; day++)
        {
            known = After(known, 7, Start + (day * Day));
        }

        var late = Start + (9 * Day) + TimeSpan.FromHours(1);
        Assert.Equal([1, 2, 3], Numbers(known, 7, late));
        known = After(known, 7, late);
        Assert.Equal((Start + (7 * Day), Start + (10 * Day), 3), (known.RoundStartedAt, known.NextAt, known.PartsDone));
        Assert.Equal([4], Numbers(known, 7, Start + (10 * Day)));
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
        var known = VerificationPolicy.AfterCheck(new Verification(), Automatic([new VerifyPart(1, 30)]), Start, Damaged, Day, Start);
        Assert.Equal((Start, 1), (known.DamagedSince, known.Damage.Count));
        Assert.Equal("packs/aa", Assert.Single(known.DamagedPacks));
        Assert.Equal("s1", Assert.Single(known.DamagedSnapshots!));
        Assert.True(VerificationPolicy.IsNews(new Verification(), known));

        var again = VerificationPolicy.AfterCheck(known, Automatic([new VerifyPart(2, 30)]), Start + Day, Damaged, Day, Start + Day);
        Assert.Equal(Start, again.DamagedSince);
        Assert.False(VerificationPolicy.IsNews(known, again));

        var healed = VerificationPolicy.AfterCheck(again, Automatic([new VerifyPart(3, 30)]), Start + (2 * Day), Sound, Day, Start + (2 * Day));
        Assert.Equal((null, 0, 0), (healed.DamagedSince, healed.Damage.Count, healed.DamagedPacks.Count));
    }

    [Fact]
    public void Damage_WithoutNamesOfPacks_HasThePartsItIsInReadAgain()
    {
        var unnamed = Damaged with { Packs = [], Parts = [new VerifyPart(1, 30)], SnapshotIds = null };
        var known = VerificationPolicy.AfterCheck(new Verification(), Automatic([new VerifyPart(1, 30)]), Start, unnamed, Day, Start);
        Assert.Equal([new VerifyPart(1, 30)], known.DamagedParts);

        // The part that was read besides is whole.
        var both = Automatic([new VerifyPart(2, 30)]) with { VerifyAgain = known.DamagedParts };
        known = VerificationPolicy.AfterCheck(known, both, Start + Day, unnamed, Day, Start + Day);
        Assert.Equal([new VerifyPart(1, 30)], known.DamagedParts);
        Assert.Empty(VerificationPolicy.AfterCheck(known, both, Start + (2 * Day), Sound, Day, Start + (2 * Day)).DamagedParts);
    }

    [Fact]
    public void Damage_FoundByReadingEverything_IsReadAgainWithTheNextPart()
    {
        var unnamed = Damaged with { Packs = [], Parts = [VerifyPart.Whole], SnapshotIds = null };
        var known = VerificationPolicy.AfterCheck(new Verification(), new OperationDocument { Verify = true }, Start, unnamed, Day, Start);
        Assert.Equal([VerifyPart.Whole], known.DamagedParts);
    }

    [Theory]
    [InlineData("a", true)]
    [InlineData("a,b", true, "a")]
    [InlineData("a", false, "a")]
    [InlineData("a", false, "a", "b")]
    [InlineData("b,a", false, "a", "b")]
    [InlineData("c", true, "a", "b")]
    [InlineData("", false, "a")]
    public void Damage_IsNewsWhereSomethingIsNew(string after, bool isNews, params string[] before) =>
        Assert.Equal(
            isNews,
            VerificationPolicy.IsNews(
                new Verification { Damage = before }, new Verification { Damage = after.Split(',', StringSplitOptions.RemoveEmptyEntries) }));

    [Fact]
    public void Check_ThatTheUserAskedFor_MovesNoTurn()
    {
        var known = After(new Verification(), 30, Start);
        var looked = VerificationPolicy.AfterCheck(known, new OperationDocument(), Start, Sound, Day, Start + TimeSpan.FromHours(5));
        Assert.Equal((known.NextAt, known.PartsDone, known.RoundStartedAt), (looked.NextAt, looked.PartsDone, looked.RoundStartedAt));
        Assert.Equal(Start + TimeSpan.FromHours(5), looked.CheckedAt);
        var all = VerificationPolicy.AfterCheck(known, new OperationDocument { Verify = true }, Start, Sound, Day, Start + TimeSpan.FromHours(6));
        Assert.Equal((0, Start + TimeSpan.FromHours(6)), (all.PartsDone, all.AllReadAt));
    }

    [Fact]
    public void Check_ThatFailsOrIsCancelled_KeepsWhatIsKnownAndComesAgain()
    {
        var known = VerificationPolicy.AfterCheck(new Verification(), Automatic([new VerifyPart(1, 30)]), Start, Damaged, Day, Start);
        var failed = VerificationPolicy.AfterFailure(known, Automatic([]), "the store is away", Day, Start + Day);
        Assert.Equal(("the store is away", Start + Day + (Day / 4), 1, 1), (failed.Error, failed.NextAt, failed.Damage.Count, failed.PartsDone));
        Assert.Equal(Start + (2 * Day), VerificationPolicy.AfterCancel(known, Automatic([]), Day, Start + Day).NextAt);
        Assert.Equal(Start + Day, VerificationPolicy.NextAt(new Verification(), Start, Day));
    }

    private static Verification After(Verification known, int days, DateTimeOffset now) =>
        VerificationPolicy.AfterCheck(known, Automatic(VerificationPolicy.PartsDue(known, days, Day, now)), now, Sound, Day, now);

    private static IEnumerable<int> Numbers(Verification known, int days, DateTimeOffset now) =>
        VerificationPolicy.PartsDue(known, days, Day, now).Select(part => part.Number);

    private static OperationDocument Automatic(IReadOnlyList<VerifyPart> parts) => new() { VerifyParts = parts, IsAutomatic = true };
}
